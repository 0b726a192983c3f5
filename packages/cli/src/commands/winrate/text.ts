/** What people read of a win rate. */
import {
  type AskProgress,
  type AskResult,
  type Estimate,
  type Interval,
  type Matching,
  type Pair,
  winrateFile,
} from "@outright/eval";
import { formatSeconds, formatWhole } from "../../terminal/format.js";
import type { WinrateResult } from "./result.js";

/** What was left out of the pairs; nothing where all rows match. */
export function matchingLines({ outputs, reference }: Matching): string[] {
  const lines: string[] = [];
  const tell = (rows: readonly number[], what: string): void => {
    if (rows.length === 0) return;
    const first = rows.slice(0, 3).join(", ");
    lines.push(`${what}: ${formatWhole(rows.length)} (row ${first}${rows.length > 3 ? ", …" : ""}, from 0)`);
  };
  tell(reference.unmatched, "instructions of the reference without an output");
  tell(outputs.unmatched, "outputs to instructions that the reference does not have");
  tell(reference.duplicates, "rows of the reference that repeat an instruction, of which the first counts");
  tell(outputs.duplicates, "outputs that repeat an instruction, of which the first counts");
  return lines;
}

/** Outputs that begin with a speaker's name on one side alone: the judge sees it, and which side is which. */
export function speakerLine(pairs: readonly Pair[]): string | undefined {
  const share = (side: "output" | "reference", name: RegExp) =>
    pairs.filter((pair) => name.test(pair[side])).length / pairs.length;
  const name =
    /^\s*(\w+):\s/.exec(pairs[0]?.reference ?? "")?.[1] ?? /^\s*(\w+):\s/.exec(pairs[0]?.output ?? "")?.[1];
  if (name === undefined) return undefined;
  const begins = new RegExp(`^\\s*${name}:`);
  const [ours, theirs] = [share("output", begins), share("reference", begins)];
  if (Math.abs(ours - theirs) < 0.8) return undefined;
  const side = ours > theirs ? "the model's" : "the reference's";
  return `${Math.round(100 * Math.max(ours, theirs))} % of ${side} outputs begin with "${name}:", ${Math.round(100 * Math.min(ours, theirs))} % of the others: the judge can tell the sides apart`;
}

export function estimateLines(
  place: string,
  estimate: Estimate,
  { questions, known, identical }: { questions: number; known: number; identical: number },
): string[] {
  const { requests, promptTokens, completionTokens, cost, rule } = estimate;
  const equal = identical === 0 ? "" : `, equal pairs: ${formatWhole(identical)}`;
  const lines = [
    `judge: ${place}`,
    `questions: ${formatWhole(questions)}, answered before: ${formatWhole(known)}${equal}`,
  ];
  if (requests === 0) return lines;
  const answers = completionTokens === 0 ? "" : `, of answers at most ${formatWhole(completionTokens)}`;
  lines.push(
    `to ask: ${formatWhole(requests)}`,
    `tokens: about ${formatWhole(promptTokens)} of prompts (${rule})${answers}`,
  );
  if (cost !== undefined) lines.push(`cost: at most ${formatCost(cost)}, and what has to be asked again`);
  return lines;
}

export function formatCost(cost: number): string {
  return cost < 0.01 ? cost.toPrecision(2) : cost.toFixed(2);
}

/** @param seconds since the asking began */
export function askedLine({ done, failed, total, retries }: AskProgress, seconds: number): string {
  const asked = done + failed;
  const parts = [`judged ${formatWhole(asked)}/${formatWhole(total)}`];
  if (asked < total && asked > 0) parts.push(`${formatSeconds((seconds / asked) * (total - asked))} left`);
  if (failed > 0) parts.push(`${formatWhole(failed)} without a verdict`);
  if (retries > 0) parts.push(`${formatWhole(retries)} asked again`);
  return parts.join("  ");
}

/** Questions that got no verdict, by kind, each with the first message. */
export function failureLine(failures: AskResult["failures"]): string | undefined {
  if (failures.length === 0) return undefined;
  const kinds = [
    ["unparsed", "with answers that say none"],
    ["failed", "without an answer"],
    ["refused", "refused"],
  ] as const;
  const told = kinds.flatMap(([kind, words]) => {
    const some = failures.filter((failure) => failure.kind === kind);
    return some.length === 0 ? [] : [`${formatWhole(some.length)} ${words} (${some[0]?.message})`];
  });
  return `questions without a verdict: ${told.join(", ")}; the same command asks them again`;
}

export function stoppedLine(known: number, questions: number): string {
  return `stopped: ${formatWhole(known)} of ${formatWhole(questions)} questions have a verdict; the same command goes on from there`;
}

export function resultLines(result: WinrateResult, out: string): string {
  const { model, reference, judge, lengthControlled: controlled } = result;
  const lines = [
    `${model} against ${reference}, judged by ${judge}: ${formatWhole(result.counted)} instructions`,
    `win rate           ${rate(result)}`,
    controlled === null
      ? "length-controlled  needs two instructions or more"
      : `length-controlled  ${rate(controlled)}`,
    `won ${formatWhole(result.wins)}, lost ${formatWhole(result.losses)}, tied ${formatWhole(result.ties)}${ties(result)}`,
  ];
  if (result.firstPlace !== null)
    lines.push(
      `${percent(result.firstPlace)} % of verdicts for the output in the first place; 50 is without a liking for a place`,
    );
  const { meanLength } = result;
  lines.push(
    `mean length ${formatWhole(Math.round(meanLength.model))} characters, reference ${formatWhole(Math.round(meanLength.reference))}`,
  );
  if (result.notCounted > 0)
    lines.push(`without a verdict in both orders, and not counted: ${formatWhole(result.notCounted)}`);
  const files = (["result", "annotations", "leaderboard"] as const).map((name) => winrateFile(out, name));
  return `${lines.join("\n")}\nwrote ${files.join(", ")}\n`;
}

function rate({
  winRate,
  standardError,
  interval,
}: {
  winRate: number;
  standardError: number;
  interval: Interval;
}): string {
  return `${percent(winRate)} %, standard error ${percent(standardError)}, 95 % from ${percent(interval[0])} to ${percent(interval[1])}`;
}

function ties({ contradictions, identical }: WinrateResult): string {
  const parts = [
    contradictions > 0 ? `${formatWhole(contradictions)} by orders that disagree` : "",
    identical > 0 ? `${formatWhole(identical)} by equal outputs` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}
