/** @outright/sweep: f* of each objective, and methods compared over λ and seeds. */
export { loadSweep, type MethodConfig, type SweepConfig } from "./config.js";
export { type SweepPaths, sweepPaths } from "./directory.js";
export type { OnSweepEvent, SweepEvent } from "./events.js";
export { hypervolume } from "./hypervolume.js";
export { runOptima } from "./optima.js";
export { outcome, rangesOf } from "./outcome.js";
export { type PlannedRun, planRuns } from "./plan.js";
export { METHODS, type SweepInput, sweepJsonSchema } from "./schema.js";
export { interval, studentT975 } from "./statistics.js";
export { type RunSweepOptions, runSweep, type SweepResult } from "./sweep.js";
export type * from "./types.js";
