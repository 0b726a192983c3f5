/** What asking will cost, told before it begins. */
import type { ChatMessage } from "@outright/data";
import { characters } from "./tally.js";

export interface Estimate {
  /** without those that have to be sent again */
  requests: number;
  promptTokens: number;
  /** at most: every answer as long as it may be */
  completionTokens: number;
  /** in the unit of the prices, where those are given; at most, for the same reason */
  cost?: number;
  /** how prompt tokens were counted */
  rule: string;
}

export interface EstimateOptions {
  /** most tokens of an answer */
  maxTokens: number;
  /** tokens of a question; default: a quarter of the characters of each message, rounded up */
  countTokens?: { of: (messages: readonly ChatMessage[]) => number; rule: string };
  /** for a million tokens */
  prices?: { in: number; out: number };
}

const BY_CHARACTERS = {
  of: (messages: readonly ChatMessage[]) =>
    messages.reduce((sum, { content }) => sum + Math.ceil(characters(content) / 4), 0),
  rule: "characters / 4",
};

export function estimateCost(
  asked: readonly { messages: readonly ChatMessage[] }[],
  { maxTokens, countTokens, prices }: EstimateOptions,
): Estimate {
  const { of, rule } = countTokens ?? BY_CHARACTERS;
  const promptTokens = asked.reduce((sum, { messages }) => sum + of(messages), 0);
  const completionTokens = asked.length * maxTokens;
  const cost =
    prices === undefined ? {} : { cost: (promptTokens * prices.in + completionTokens * prices.out) / 1e6 };
  return { requests: asked.length, promptTokens, completionTokens, ...cost, rule };
}
