/** winrate.json, and the files beside it. */
import { createHash } from "node:crypto";
import {
  type AskResult,
  type Judge,
  type JudgePrompt,
  judgedPairs,
  type Matching,
  type PromptTemplates,
  type Question,
  type Records,
  type Tally,
  tally,
  type VerdictRecord,
  winrateFile,
  writeAnnotations,
  writeJson,
  writeLeaderboard,
} from "@outright/eval";

type FailureCounts = Record<AskResult["failures"][number]["kind"], number>;

/** winrate.json; rates are shares of 1. */
export interface WinrateResult extends Tally {
  model: string;
  reference: string;
  judge: string;
  /** sha256 of the judge's prompt, its places still open */
  judgePrompt: string;
  /** how the model's prompts were dressed, where it made its outputs */
  templates?: PromptTemplates;
  /** rows that are in no pair */
  leftOut: Record<"outputs" | "reference", { duplicates: number; unmatched: number }>;
  /** questions without a verdict, by what went wrong */
  failures: FailureCounts;
  /** as the endpoint counted, over all verdicts used here */
  usage: { promptTokens: number; completionTokens: number };
  /** of the bootstrap */
  seed: number;
}

export interface Judgement {
  model: string;
  reference: string;
  templates?: PromptTemplates;
  matching: Matching;
  judge: Judge;
  prompt: JudgePrompt;
  questions: readonly Question[];
  verdicts: Records<VerdictRecord>;
  failures: AskResult["failures"];
  seed: number;
}

/**
 * Counts, and writes winrate.json, annotations.json and leaderboard.csv into `out`.
 * @throws Error of one line where nothing can be counted
 */
export function writeResult(out: string, judgement: Judgement): WinrateResult {
  const { matching, judge, questions, verdicts, templates, seed } = judgement;
  const judged = judgedPairs(matching.pairs, questions, (key) => verdicts.get(key)?.verdict);
  const used = questions.flatMap(({ key }) => verdicts.get(key) ?? []);
  const names = { model: judgement.model, reference: judgement.reference };
  const result: WinrateResult = {
    ...names,
    judge: judge.name,
    judgePrompt: createHash("sha256").update(JSON.stringify(judgement.prompt.parts)).digest("hex"),
    ...(templates === undefined ? {} : { templates }),
    ...tally(judged, seed),
    leftOut: { outputs: counts(matching.outputs), reference: counts(matching.reference) },
    failures: failureCounts(judgement.failures),
    usage: {
      promptTokens: used.reduce((sum, { promptTokens = 0 }) => sum + promptTokens, 0),
      completionTokens: used.reduce((sum, { completionTokens = 0 }) => sum + completionTokens, 0),
    },
    seed,
  };
  writeAnnotations(winrateFile(out, "annotations"), judged, { ...names, annotator: judge.name });
  writeLeaderboard(winrateFile(out, "leaderboard"), names.model, result);
  writeJson(winrateFile(out, "result"), result);
  return result;
}

function counts({ duplicates, unmatched }: Matching["outputs"]): { duplicates: number; unmatched: number } {
  return { duplicates: duplicates.length, unmatched: unmatched.length };
}

function failureCounts(failures: AskResult["failures"]): FailureCounts {
  const found: FailureCounts = { unparsed: 0, failed: 0, refused: 0 };
  for (const { kind } of failures) found[kind]++;
  return found;
}
