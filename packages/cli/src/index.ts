/** outright: post-train language models on several objectives at once. The library; the command is main.ts. */
export {
  type ReportOptions,
  renderReport,
  renderSweepReport,
  type SweepReportOptions,
} from "@outright/report";
export {
  type FinishedRow,
  type Interval,
  interval,
  loadSweep,
  runOptima,
  runSweep,
  type SweepConfig,
  type SweepEvent,
  type SweepResult,
  type SweepRow,
  type SweepSummary,
} from "@outright/sweep";
export {
  ConfigError,
  type ConfigProblem,
  configJsonSchema,
  configSchema,
  type EndEvent,
  type EvalEvent,
  loadConfig,
  type NoticeEvent,
  type ParseOptions,
  type ProgressEvent,
  parseConfig,
  type RunConfig,
  type RunConfigInput,
  type StartEvent,
  type StepEvent,
  stringifyConfig,
  type TrainEvent,
  type TrainResult,
} from "@outright/trainer";
export { type BaseShape, writeBaseDirectory } from "./blank-model/blank-model.js";
export { type TrainedTokenizer, trainTokenizer } from "./blank-model/tokenizer-maker.js";
export { type TrainOptions, train } from "./train.js";
