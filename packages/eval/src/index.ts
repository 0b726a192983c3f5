/** @outright/eval: scores, generation, MMLU and win rates. */
export { type GenerateOptions, generate, generateIds } from "./generate.js";
export * from "./mmlu/index.js";
export { type ScoreOptions, type ScoreSummary, scoreFile } from "./score.js";
export * from "./winrate/index.js";
