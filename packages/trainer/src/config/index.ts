export { allKeys as configKeys } from "./describe.js";
export { nearest } from "./nearest.js";
export { readOptima } from "./optima.js";
export { loadConfig, type ParseOptions, parseConfig } from "./parse.js";
export { problemsOf } from "./problems.js";
export { resultKeysThatDiffer, stringifyConfig } from "./run.js";
export { configJsonSchema, configSchema, type RunConfigInput } from "./schema.js";
export { ConfigError, type ConfigProblem, ConfigSource } from "./source.js";
export type * from "./types.js";
