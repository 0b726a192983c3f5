/** `train` for programs: the same checks and the same engine as the command. */
import {
  loadConfig,
  parseConfig,
  type RunConfig,
  type RunConfigInput,
  type TrainEvent,
  type TrainResult,
} from "@outright/trainer";
import { startEngine } from "./engine/host.js";
import { finishedSteps } from "./engine/resume.js";

export interface TrainOptions {
  /** Called for every step, evaluation, notice and stage of preparation, in the calling thread. */
  onEvent?: (event: TrainEvent) => void;
  /** Aborting saves a checkpoint and resolves with reason "stopped"; the run can be resumed. */
  signal?: AbortSignal;
  /** Go on from the latest checkpoint in `out`, or begin where there is none. Default false. */
  resume?: boolean;
  /** Dotted keys that replace those of the config, e.g. { "objectives.sft.batch": "8" }. */
  overrides?: Record<string, string>;
  /** Write report.html into the run's directory. Default true. */
  report?: boolean;
}

/**
 * Trains a model as the config says and resolves when its directory is complete. The engine runs in a worker thread;
 * the calling thread stays free.
 *
 * @param config a run config, or the path of one (YAML or JSON). Relative paths start from the file's folder, or
 *   from the working directory where the config is an object.
 * @throws Error that says on one line what is wrong and where; a wrong config is a ConfigError with a line for each problem.
 */
export async function train(
  config: RunConfigInput | RunConfig | string,
  options: TrainOptions = {},
): Promise<TrainResult> {
  const overrides = options.overrides ?? {};
  const checked =
    typeof config === "string" ? loadConfig(config, { overrides }) : parseConfig(config, { overrides });
  if (options.resume === true) finishedSteps(checked);
  const engine = startEngine(checked, {
    resume: options.resume ?? false,
    report: options.report ?? true,
    onEvent: options.onEvent ?? (() => {}),
  });
  const { signal } = options;
  if (signal?.aborted === true) engine.stop();
  signal?.addEventListener("abort", engine.stop, { once: true });
  try {
    return await engine.result;
  } finally {
    signal?.removeEventListener("abort", engine.stop);
  }
}
