/** Win rates: a judge compares a model's outputs with a reference's. */

export {
  isDialogue,
  type PromptTemplate,
  type PromptTemplates,
  renderInstruction,
  trainingTemplates,
} from "../training-template.js";
export { type AskProgress, type AskResult, askAll } from "./ask.js";
export { Backoff, type BackoffOptions, retryAfterSeconds } from "./backoff.js";
export { DEFAULT_JUDGE_PROMPT } from "./default-prompt.js";
export { type Estimate, type EstimateOptions, estimateCost } from "./estimate.js";
export {
  type GenerateOutputsOptions,
  generateOutputs,
  type OutputsToMake,
  outputsToMake,
} from "./generate-outputs.js";
export { HttpJudge, type HttpJudgeOptions } from "./http-judge.js";
export { bootstrap, type Interval, standardError, wilsonInterval } from "./intervals.js";
export { type Judge, JudgeFailure, type JudgeReply, type JudgeSignals } from "./judge.js";
export { type JudgePrompt, type Order, parseJudgePrompt, renderJudgePrompt } from "./judge-prompt.js";
export { type LengthControlled, lengthControlledWinRate } from "./length-controlled.js";
export { LocalJudge, type LocalJudgeOptions } from "./local-judge.js";
export { fitLogistic } from "./logistic.js";
export { type Matching, matchOutputs, type Pair } from "./match.js";
export { type Instruction, type ModelOutput, type OutputsFile, readOutputs } from "./outputs.js";
export { type Question, questionsOf, readVerdicts, type VerdictRecord } from "./questions.js";
export { type KeptRecords, Records } from "./records.js";
export {
  WINRATE_FILES,
  winrateFile,
  writeAnnotations,
  writeJson,
  writeLeaderboard,
  writeOutputs,
} from "./result-files.js";
export { type JudgedPair, judgedPairs, type Tally, tally } from "./tally.js";
export { parseVerdict, type Verdict } from "./verdict.js";
