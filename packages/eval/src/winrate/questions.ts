/** What a judge has to be asked about a set of pairs, and what of it is known already. */
import { createHash } from "node:crypto";
import type { ChatMessage } from "@outright/data";
import type { Judge } from "./judge.js";
import { type JudgePrompt, ORDERS, type Order, renderJudgePrompt } from "./judge-prompt.js";
import type { Pair } from "./match.js";
import { type KeptRecords, readRecords } from "./records.js";
import type { Verdict } from "./verdict.js";

/** One pair in one order. */
export interface Question {
  /** sha256 of judge, parameters, order and messages, hex */
  key: string;
  pair: number;
  order: Order;
  messages: ChatMessage[];
}

/** A line of verdicts.jsonl. */
export interface VerdictRecord {
  key: string;
  order: Order;
  verdict: Verdict;
  /** what the judge said */
  text: string;
  promptTokens?: number;
  completionTokens?: number;
}

/** Both orders of each pair; none of a pair of equal outputs, which is a tie as in AlpacaEval. */
export function questionsOf(
  pairs: readonly Pair[],
  prompt: JudgePrompt,
  judge: Pick<Judge, "identity">,
): Question[] {
  return pairs.flatMap((pair, i) => {
    if (pair.output === pair.reference) return [];
    return ORDERS.map((order) => {
      const messages = renderJudgePrompt(prompt, pair, order);
      const key = createHash("sha256")
        .update(JSON.stringify({ version: 1, judge: judge.identity, order, messages }))
        .digest("hex");
      return { key, pair: i, order, messages };
    });
  });
}

/** The verdicts of earlier runs; none where there is no such file. */
export function readVerdicts(path: string): KeptRecords<VerdictRecord> {
  return readRecords(
    path,
    ({ verdict, order }) =>
      (verdict === "first" || verdict === "second" || verdict === "tie") && ORDERS.includes(order as Order),
  );
}
