/** MMLU as lm-evaluation-harness asks and scores it. */
export {
  type EvaluateMmluOptions,
  evaluateMmlu,
  type MmluEvaluation,
  type MmluProgress,
} from "./evaluate.js";
export type { HubOptions } from "./hub.js";
export type { MmluSource, Question as MmluQuestion } from "./questions.js";
export type { MmluRecord } from "./records.js";
export { openMmlu } from "./source.js";
export type { Accuracy, MmluResult } from "./statistics.js";
export { ALL_SUBJECTS, chooseSubjects, GROUPS, type Group, groupOf, SUBJECTS } from "./subjects.js";
