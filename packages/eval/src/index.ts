/** @outright/eval: scores and generation. */
export { type GenerateOptions, generate, generateIds } from "./generate.js";
export { type ScoreOptions, type ScoreSummary, scoreFile } from "./score.js";
export * from "./winrate/index.js";
