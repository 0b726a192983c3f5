/** The page that sets our figures beside the paper's, written from the rows alone. */
import type { FinishedRow, Interval, SweepSummary } from "outright";
import { type Claim, claims, signed } from "./claims.js";
import { mean, type Verdict } from "./compare.js";
import { LAMBDAS, PAPER } from "./paper.js";

/** What the page says of how its numbers were made. */
export interface Circumstances {
  /** as in 2026-11-26 */
  date: string;
  command: string;
  /** e.g. "AMD EPYC, 2 threads, Node 20.20.2" */
  device: string;
}

export function comparisonPage(
  rows: readonly FinishedRow[],
  summary: SweepSummary,
  { date, command, device }: Circumstances,
): string {
  const all = claims(rows);
  return [
    "# Beside the paper, line by line",
    "",
    "Written by `src/page.ts` from [results.jsonl](results.jsonl); every figure of it is a mean over seeds with a 95 % interval (Student's t).",
    "",
    `- Made on ${date} by \`${command}\` on ${device}.`,
    `- ${rows.length} finished runs: seeds ${summary.seeds.join(", ")}, λ = ${summary.lambdas.join(", ")}, ${summary.budget.amount} ${summary.budget.by} each.`,
    `- f*, the lowest loss of training on an objective alone: ${onRows(summary.optima)}. The base: ${onRows(summary.base)}.`,
    "- A claim **holds** where the interval of every line lies on the side that it claims, **in part** where that of some lines does, **does not hold** where none does and some lie on the other side, and is **undecided** where all intervals hold the bound. In brackets: lines for it of all, and lines against it.",
    "",
    "## In short",
    "",
    "| claim | verdict |",
    "| --- | --- |",
    ...all.map(({ title, columns, verdicts }) => {
      return `| ${title} | ${columns.map((column, i) => `${column}: ${inWords(verdicts[i] as Verdict)}`).join("; ")} |`;
    }),
    "| Higher MMLU and win rate than training one after the other (Table 1, Llama-3-8B) | not tested: a model of this size answers by chance |",
    "",
    ...distances(rows),
    ...all.flatMap(section),
    "## What the sweep itself says",
    "",
    ...summary.answer.map((sentence) => `- ${sentence}`),
    "",
  ].join("\n");
}

const onRows = ({ heldout, train }: SweepSummary["optima"]): string =>
  Object.keys(heldout)
    .map(
      (name) =>
        `${name.toUpperCase()} ${heldout[name]?.toFixed(4)} held out${train === null ? "" : `, ${train[name]?.toFixed(4)} on training rows`}`,
    )
    .join("; ");

/** All methods side by side, in the paper's measure and ours. */
function distances(rows: readonly FinishedRow[]): string[] {
  const labels = new Map(
    rows.filter(({ method }) => method !== "single").map(({ curve, label }) => [curve, label] as const),
  );
  const told = [...labels].flatMap(([curve, label]) =>
    LAMBDAS.filter((lambda) => rows.some((row) => row.curve === curve && row.lambda === lambda)).map(
      (lambda) => {
        const cell = { curve, lambda };
        const theirs = (PAPER.idealDistance as Record<string, readonly number[]>)[curve]?.[
          LAMBDAS.indexOf(lambda)
        ];
        const ours = [
          mean(rows, cell, ({ train }) => train?.idealDistance ?? null),
          mean(rows, cell, ({ heldout }) => heldout.idealDistance),
          mean(rows, cell, ({ heldout }) => heldout.scaledDistance),
        ];
        return `| ${label} | ${lambda} | ${theirs ?? ""} | ${ours.map((value) => spread(value, 3)).join(" | ")} |`;
      },
    ),
  );
  return [
    "## Ideal distances",
    "",
    "The paper's are of training rows, not scaled. Of losses as different as a token's and a pair's, one distance counts mostly the larger gap; scaled, each counts in units of its own range.",
    "",
    "| method | λ | paper | training rows | held-out rows | held-out rows, scaled |",
    "| --- | --- | --- | --- | --- | --- |",
    ...told,
    "",
  ];
}

function section({ title, how, columns, verdicts, lines, digits, claimed, bound }: Claim): string[] {
  return [
    `## ${title}`,
    "",
    `${how[0]?.toUpperCase()}${how.slice(1)}; claimed: ${claimed} ${bound}.`,
    "",
    `| | paper | ${columns.join(" | ")} |`,
    `| --- | --- |${columns.map(() => " --- |").join("")}`,
    ...lines.map(
      ({ what, paper, ours }) =>
        `| ${what} | ${paper} | ${ours.map((value) => signedSpread(value, digits)).join(" | ")} |`,
    ),
    `| **verdict** | | ${verdicts.map((one) => `**${inWords(one)}**`).join(" | ")} |`,
    "",
  ];
}

/** "holds in part (3 of 6, 1 against)" */
function inWords({ word, for: holding, against, of }: Verdict): string {
  return `${word} (${holding} of ${of}${against > 0 ? `, ${against} against` : ""})`;
}

const half = ({ mean, high, n }: Interval, digits: number): string =>
  n < 2 ? "" : ` ± ${(high - mean).toFixed(digits)}`;
const spread = (value: Interval | null, digits: number): string =>
  value === null ? "" : `${value.mean.toFixed(digits)}${half(value, digits)}`;
const signedSpread = (value: Interval | null, digits: number): string =>
  value === null ? "" : `${signed(value.mean, digits)}${half(value, digits)}`;
