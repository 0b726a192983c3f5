/** Runs the engine in a worker thread, so that progress, Ctrl-C and timers of the calling thread stay live. */
import { Worker } from "node:worker_threads";
import type { RunConfig, TrainEvent, TrainResult } from "@outright/trainer";
import type { EngineJob, EngineMessage } from "./messages.js";

export interface EngineOptions {
  resume: boolean;
  report: boolean;
  onEvent: (event: TrainEvent) => void;
}

export interface Engine {
  /** Rejects with the run's own error, or where the thread ends without a word. */
  readonly result: Promise<TrainResult>;
  /** Asks the run to save and leave at the next step; `result` resolves with reason "stopped". */
  stop(): void;
}

export function startEngine(config: RunConfig, options: EngineOptions): Engine {
  const stopFlag = new SharedArrayBuffer(4);
  const job: EngineJob = { config, resume: options.resume, report: options.report, stopFlag };
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: job });
  const stop = (): void => {
    Atomics.store(new Int32Array(stopFlag), 0, 1);
  };
  const result = new Promise<TrainResult>((resolve, reject) => {
    let thrown: unknown;
    const tell = (event: TrainEvent): void => {
      if (thrown !== undefined) return;
      try {
        options.onEvent(event);
      } catch (error) {
        // the caller's own error ends the run: it is saved first, then the promise rejects
        thrown = error ?? new Error("onEvent threw nothing");
        stop();
      }
    };
    worker.on("message", (message: EngineMessage) => {
      if (message.type === "event") tell(message.event);
      else if (thrown !== undefined) reject(thrown as Error);
      else if (message.type === "result") resolve(message.result);
      else reject(rebuilt(message));
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`the engine ended with code ${code} before the run did`)));
  });
  return { result, stop };
}

function rebuilt(message: { name: string; message: string; stack: string | undefined }): Error {
  const error = new Error(message.message);
  error.name = message.name;
  if (message.stack !== undefined) error.stack = message.stack;
  return error;
}
