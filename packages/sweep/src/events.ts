/** What a sweep tells while it goes. */
import type { TrainEvent } from "@outright/trainer";
import type { Place, SweepRow } from "./types.js";

export type SweepEvent =
  /** all runs, and how many of them were finished before */
  | { type: "plan"; runs: number; done: number }
  /** a run begins, or goes on; its steps are not known where a budget of tokens or seconds ends it */
  | { type: "begin"; run: Place; number: number; runs: number; steps: number | null }
  | { type: "run"; id: string; event: TrainEvent }
  | { type: "row"; row: SweepRow; done: number; runs: number; wallSeconds: number }
  | { type: "optima"; path: string; heldout: Record<string, number>; train: Record<string, number> | null }
  | { type: "notice"; level: "info" | "warning"; message: string };

export type OnSweepEvent = (event: SweepEvent) => void;
