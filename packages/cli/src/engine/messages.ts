/** What the engine's thread and the thread that people talk to tell each other. */
import type { RunConfig, TrainEvent, TrainResult } from "@outright/trainer";

export interface EngineJob {
  config: RunConfig;
  resume: boolean;
  /** write report.html into the run's directory at the end */
  report: boolean;
  /** Int32[1]; anything but 0 asks the run to save and leave */
  stopFlag: SharedArrayBuffer;
}

export type EngineMessage =
  | { type: "event"; event: TrainEvent }
  | { type: "result"; result: TrainResult }
  /** the parts of an Error: own classes do not survive the way between threads */
  | { type: "error"; name: string; message: string; stack: string | undefined };
