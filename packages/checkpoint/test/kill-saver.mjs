// Saves a model directory and a checkpoint of every step, without end; says each step when it is saved.
import { writeSync } from "node:fs";
import { MetricsFile, RunDirectory, saveModelDirectory } from "@outright/checkpoint";

const run = RunDirectory.open(process.argv[2], { resume: true });
const { step: last } = run.latestCheckpoint();
const metrics = new MetricsFile(run.paths.metrics);
for (let step = (last ?? 0) + 1; ; step++) {
  const tensor = (name) => ({
    name,
    dtype: "F32",
    shape: [50_000],
    data: () => new Float32Array(50_000).fill(step),
  });
  metrics.append({ type: "step", step });
  metrics.flush();
  saveModelDirectory(run.paths.model, { config: { step }, tensors: [tensor("w")] });
  const state = { metricsBytes: metrics.byteLength };
  run.saveCheckpoint(step, { tensors: { weights: [tensor("w")], optimizer: [tensor("m")] }, state }, 2);
  writeSync(1, `${step}\n`);
}
