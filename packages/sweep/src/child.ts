/**
 * A process of its own for each run, so that one that runs out of memory or crashes takes no other with it, and its peak memory is its
 * own. Where the parent dies it ends at once: what was saved is gone on with.
 */
import { rmSync } from "node:fs";
import { mergeModels } from "@outright/checkpoint";
import { evaluateModel, type TrainEvent, train } from "@outright/trainer";
import { GpuSampler } from "./gpu-sampler.js";
import type { FromChild, ToChild } from "./messages.js";

let isStopping = false;
process.on("disconnect", () => process.exit(1));
// Ctrl-C reaches the whole group of processes; the parent says what is to be done
process.on("SIGINT", () => {});
// a service manager ends the group or a single process with these: saved, not lost
for (const name of ["SIGTERM", "SIGHUP"] as const)
  process.on(name, () => {
    isStopping = true;
  });
process.on("message", (message: ToChild) => {
  if (message.type === "stop") isStopping = true;
  else void work(message);
});

const send = (message: FromChild): void => {
  process.send?.(message);
};

async function work(job: Exclude<ToChild, { type: "stop" }>): Promise<void> {
  const shouldStop = () => isStopping;
  const gpu = new GpuSampler();
  try {
    if (job.type === "average") {
      averageInto(job.model, job.parts);
      const onProgress = (event: TrainEvent) => send({ type: "event", event });
      const event = await evaluateModel(job.config, { model: job.model, onProgress, shouldStop });
      send(event === null ? { type: "stopped" } : { type: "evaluated", event });
    } else {
      const result = await train(job.config, {
        resume: true,
        shouldStop,
        onEvent: (event) => {
          if (event.type === "start" && event.device.startsWith("cuda")) gpu.start();
          send({ type: "event", event });
        },
      });
      send(
        result.reason === "stopped" ? { type: "stopped" } : { type: "trained", gpuUtilization: gpu.mean() },
      );
    }
  } catch (error) {
    send({ type: "error", message: error instanceof Error ? error.message : String(error) });
  } finally {
    gpu.stop();
    process.disconnect?.();
  }
}

/** What an earlier attempt left is made anew. */
function averageInto(out: string, parts: readonly { model: string; weight: number }[]): void {
  rmSync(out, { recursive: true, force: true });
  mergeModels({ out, models: parts.map(({ model }) => model), weights: parts.map(({ weight }) => weight) });
}
