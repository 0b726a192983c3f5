/** From verdicts to a win rate. */
import { type Interval, meanOf, standardError, wilsonInterval } from "./intervals.js";
import { ORDERS, type Order } from "./judge-prompt.js";
import { type LengthControlled, lengthControlledWinRate } from "./length-controlled.js";
import type { Pair } from "./match.js";
import type { Question } from "./questions.js";
import type { Verdict } from "./verdict.js";

export interface JudgedPair {
  pair: Pair;
  /** absent where that order got none */
  verdicts: Partial<Record<Order, Verdict>>;
  /**
   * 1 the model's output won, 0 it lost: the mean over both orders, a tie ½. So two orders that disagree make a tie. Null
   * where an order has no verdict: one order alone would carry the judge's liking for a place.
   */
  score: number | null;
}

export interface Tally {
  /** pairs with both verdicts, or with equal outputs: what all rates are of */
  counted: number;
  /** pairs without: they are in no rate */
  notCounted: number;
  /** pairs whose outputs are the same text: ties that nobody was asked about */
  identical: number;
  /** mean score */
  winRate: number;
  /** of the mean, from the scores' own spread */
  standardError: number;
  /** 95 %, Wilson */
  interval: Interval;
  lengthControlled: LengthControlled | null;
  wins: number;
  losses: number;
  ties: number;
  /** pairs that are a tie because the two orders contradict one another */
  contradictions: number;
  /** share of ties among all verdicts; null where there are none */
  tiedVerdicts: number | null;
  /** share of the verdicts that are no ties which went to the output in the first place: ½ without a liking for a place */
  firstPlace: number | null;
  /** characters, means over counted pairs */
  meanLength: { model: number; reference: number };
}

export function judgedPairs(
  pairs: readonly Pair[],
  questions: readonly Question[],
  verdictOf: (key: string) => Verdict | undefined,
): JudgedPair[] {
  const verdicts = pairs.map((): JudgedPair["verdicts"] => ({}));
  for (const { key, pair, order } of questions) {
    const verdict = verdictOf(key);
    if (verdict !== undefined) (verdicts[pair] as JudgedPair["verdicts"])[order] = verdict;
  }
  return pairs.map((pair, i) => ({
    pair,
    verdicts: verdicts[i] as JudgedPair["verdicts"],
    score: pair.output === pair.reference ? 0.5 : scoreOf(verdicts[i] as JudgedPair["verdicts"]),
  }));
}

/** @throws Error of one line where no pair has a score */
export function tally(judged: readonly JudgedPair[], seed: number): Tally {
  const counted = judged.filter((one): one is JudgedPair & { score: number } => one.score !== null);
  if (counted.length === 0)
    throw new Error("no instruction has a verdict in both orders, so there is no win rate");
  const scores = counted.map(({ score }) => score);
  const given = counted.flatMap(({ verdicts }) => Object.values(verdicts));
  const decided = given.filter((verdict) => verdict !== "tie");
  const share = (part: number, whole: number) => (whole === 0 ? null : part / whole);
  const lengths = counted.map(({ pair, score }) => ({
    score,
    output: characters(pair.output),
    reference: characters(pair.reference),
  }));
  const winRate = meanOf(scores);
  return {
    counted: counted.length,
    notCounted: judged.length - counted.length,
    identical: counted.filter(({ pair }) => pair.output === pair.reference).length,
    winRate,
    standardError: standardError(scores),
    interval: wilsonInterval(winRate, counted.length),
    lengthControlled: lengthControlledWinRate(lengths, seed),
    wins: scores.filter((score) => score > 0.5).length,
    losses: scores.filter((score) => score < 0.5).length,
    ties: scores.filter((score) => score === 0.5).length,
    contradictions: counted.filter(
      ({ verdicts, score }) =>
        score === 0.5 && verdicts["model-first"] !== undefined && verdicts["model-first"] !== "tie",
    ).length,
    tiedVerdicts: share(given.length - decided.length, given.length),
    firstPlace: share(decided.filter((verdict) => verdict === "first").length, decided.length),
    meanLength: {
      model: meanOf(lengths.map(({ output }) => output)),
      reference: meanOf(lengths.map(({ reference }) => reference)),
    },
  };
}

function scoreOf(verdicts: JudgedPair["verdicts"]): number | null {
  let sum = 0;
  for (const order of ORDERS) {
    const verdict = verdicts[order];
    if (verdict === undefined) return null;
    sum += verdict === "tie" ? 0.5 : (verdict === "first") === (order === "model-first") ? 1 : 0;
  }
  return sum / ORDERS.length;
}

/** Code points, as Python counts. */
export function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
