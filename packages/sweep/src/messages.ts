/** What a sweep and the process of one of its runs tell each other. */
import type { EvalEvent, RunConfig, TrainEvent } from "@outright/trainer";

export type ToChild =
  /** train, or go on with what is there */
  | { type: "train"; config: RunConfig }
  /** average models into `model`, and tell its losses on the rows that a run evaluates */
  | { type: "average"; config: RunConfig; parts: { model: string; weight: number }[]; model: string }
  /** save and leave */
  | { type: "stop" };

export type FromChild =
  | { type: "event"; event: TrainEvent }
  | { type: "trained"; gpuUtilization: number | null }
  | { type: "evaluated"; event: EvalEvent }
  | { type: "stopped" }
  /** of one line */
  | { type: "error"; message: string };

/** How a process ended. */
export type Ended = Exclude<FromChild, { type: "event" }>;
