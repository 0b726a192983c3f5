/** SIGKILL at many moments while checkpoints, a model directory and metrics are written. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { MetricsFile, openModelDirectory, RunDirectory } from "@outright/checkpoint";
import { expect, it } from "vitest";
import { temporaryDirectory } from "./temporary.js";

const ROUNDS = 24;
const dir = join(temporaryDirectory(), "run");

/** Lets the saver work for some milliseconds after its first save. @returns the last step it said was saved. */
async function saveUntilKilled(milliseconds: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "kill-saver.mjs"), dir], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let errors = "";
  child.stderr.on("data", (data) => {
    errors += data;
  });
  const started = new Promise<void>((resolve) => {
    child.stdout.on("data", (data) => {
      out += data;
      resolve();
    });
  });
  const exited = once(child, "exit");
  await Promise.race([started, exited]);
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  child.kill("SIGKILL");
  const [, signal] = await exited;
  expect({ signal, errors }).toEqual({ signal: "SIGKILL", errors: "" });
  return Number(out.trim().split("\n").at(-1));
}

it(`a run killed ${ROUNDS} times while it saves always has its newest checkpoint, whole`, {
  timeout: 60_000,
}, async () => {
  let interrupted = 0;
  let before = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const said = await saveUntilKilled(1 + 3 * round);
    expect(said).toBeGreaterThan(before); // it went on from where the last one was killed
    if (listed(dir).some((name) => name.includes(".outright-"))) interrupted++;

    const run = RunDirectory.open(dir, { resume: true });
    const { step, notices } = run.latestCheckpoint();
    expect(notices).toEqual([]);
    // It may have saved one more than it came to say.
    expect([said, said + 1]).toContain(step);
    const loaded = run.loadCheckpoint(step as number);
    const { weights, optimizer } = loaded.tensors;
    for (const values of [weights?.readFloat32("w"), optimizer?.readFloat32("m")]) {
      expect(values?.length).toBe(50_000);
      expect(values?.every((value) => value === step)).toBe(true);
    }
    const { metricsBytes } = loaded.state as { metricsBytes: number };
    loaded.close();
    const metrics = new MetricsFile(run.paths.metrics);
    metrics.truncateTo(metricsBytes);
    metrics.close();

    const model = openModelDirectory(run.paths.model);
    const values = model.weights?.readFloat32("w") as Float32Array;
    expect(values.every((value) => value === model.config.step)).toBe(true);
    expect(model.config.step as number).toBeGreaterThanOrEqual(said);
    model.weights?.close();
    run.close();
    expect(listed(dir).filter((name) => name.includes(".outright-") || name === ".lock")).toEqual([]);
    before = step as number;
  }
  expect(interrupted).toBeGreaterThan(0); // else no kill fell within a save, and nothing was shown
});

function listed(directory: string): string[] {
  return [...readdirSync(directory), ...readdirSync(join(directory, "checkpoints"))];
}
