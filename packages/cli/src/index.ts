/** outright: post-train language models on several objectives at once. The library; the command is main.ts. */
export { type ReportOptions, renderReport } from "@outright/report";
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
export { type TrainOptions, train } from "./train.js";
