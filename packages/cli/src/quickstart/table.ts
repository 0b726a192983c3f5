/** The quickstart's closing table: from metrics lines and marks to results.json, and to text for a terminal. */
import type { MetricsLine } from "@outright/trainer";
import { evaluations, findings, idealDistance, type Measured } from "./findings.js";
import type { Optima } from "./plan.js";

export interface Column {
  key: string;
  label: string;
  unit?: string;
  better?: "high" | "low";
  digits?: number;
}

export interface Results {
  title: string;
  columns: Column[];
  rows: ({ name: string } & Record<string, string | number | null>)[];
  notes: string[];
}

export const COLUMNS: Column[] = [
  { key: "sft", label: "SFT loss", better: "low" },
  { key: "dpo", label: "DPO loss", better: "low" },
  { key: "sftGap", label: "SFT gap", better: "low" },
  { key: "dpoGap", label: "DPO gap", better: "low" },
  { key: "idealDistance", label: "ideal distance", better: "low" },
  { key: "rightAnswers", label: "right answers", unit: "%", better: "high" },
  { key: "rightRefusals", label: "right refusals", unit: "%", better: "high" },
  { key: "steps", label: "steps", digits: 0 },
  { key: "sftSteps", label: "SFT steps", digits: 0 },
  { key: "dpoSteps", label: "DPO steps", digits: 0 },
  { key: "seconds", label: "time", unit: "s", digits: 1 },
];

/**
 * f* of an objective: the lowest held-out loss of the run that trained it alone. (The paper takes the last; a single
 * objective may overfit before its steps are over, and then the others would have negative gaps.)
 */
export function optimum(lines: readonly MetricsLine[], objective: keyof Optima): number {
  const losses = evaluations(lines).map((line) => line.losses[objective] ?? Number.NaN);
  return Math.min(...losses.filter(Number.isFinite));
}

/** @param optima f*, see `optimum` */
export function makeResults(
  measured: readonly Measured[],
  optima: Optima,
  questions: { allowed: number; forbidden: number },
): Results {
  const rows = measured.map((one) => row(one, optima));
  return {
    title: "Both objectives at once: what each way keeps",
    columns: COLUMNS,
    rows,
    notes: [
      ...findings(measured, optima),
      `Losses are on held-out rows at the end of the run; gaps are against f*, the lowest such loss of the objective trained alone for as many steps (SFT ${optima.sft.toFixed(4)}, DPO ${optima.dpo.toFixed(4)}).`,
      `Right answers and right refusals are measured by generating: ${questions.allowed} allowed and ${questions.forbidden} forbidden held-out prompts, greedy.`,
      ...(rows.some((one) => [one["sftGap"], one["dpoGap"]].some((gap) => typeof gap === "number" && gap < 0))
        ? ["A gap below 0: that run ended lower than the objective's own run ever was."]
        : []),
      "A mixed step trains on a batch of each objective, so mix sees twice the data of the others in the same number of steps; time tells its cost.",
      "MAXRIGHT is told f*: the two single-objective runs come first, and their time is not in its own.",
    ],
  };
}

function row({ name, lines, marks }: Measured, optima: Optima): Results["rows"][number] {
  const last = evaluations(lines).at(-1);
  const end = lines.findLast((line) => line.type === "end");
  const loss = (objective: keyof Optima): number => last?.losses[objective] ?? Number.NaN;
  const gaps = { sft: loss("sft") - optima.sft, dpo: loss("dpo") - optima.dpo };
  const values = {
    sft: loss("sft"),
    dpo: loss("dpo"),
    sftGap: gaps.sft,
    dpoGap: gaps.dpo,
    idealDistance: idealDistance(lines, optima),
    rightAnswers: marks.rightAnswers,
    rightRefusals: marks.rightRefusals,
    steps: end?.step ?? 0,
    sftSteps: end?.stepsPerObjective["sft"] ?? 0,
    dpoSteps: end?.stepsPerObjective["dpo"] ?? 0,
    seconds: end?.seconds ?? Number.NaN,
  };
  return {
    name,
    ...Object.fromEntries(Object.entries(values).map(([key, v]) => [key, Number.isFinite(v) ? v : null])),
  };
}

/**
 * The table in plain text: columns aligned, headings wrapped at their spaces. Where `width` characters do not hold it,
 * the columns that tell what it cost stand in a second table below, and so on.
 */
export function printTable(results: Results, width = 100): string {
  const { columns, rows } = results;
  const names = ["run", ...rows.map(({ name }) => name)];
  const texts = (some: readonly Column[]): string[][] =>
    some.map((column) => [heading(column), ...rows.map((row) => format(row[column.key], column))]);
  const whole = [names, ...texts(columns)];
  if (span(whole) <= width) return draw(whole);
  const outcomes = columns.filter(({ better }) => better !== undefined);
  const costs = columns.filter(({ better }) => better === undefined);
  return [outcomes, costs]
    .flatMap((some) => fill(names, texts(some), width))
    .map(draw)
    .join("\n\n");
}

/** As many columns side by side as there is room for, the names before each first one. */
function fill(names: string[], columns: readonly string[][], width: number): string[][][] {
  const blocks: string[][][] = [];
  for (const column of columns) {
    const last = blocks.at(-1);
    if (last !== undefined && span([...last, column]) <= width) last.push(column);
    else blocks.push([names, column]);
  }
  return blocks;
}

/** Characters of columns side by side. */
const span = (columns: readonly string[][]): number =>
  columns.reduce((sum, column) => sum + widest(column), 2 * (columns.length - 1));

const heading = ({ label, unit }: Column): string => `${label}${unit && unit !== "%" ? ` (${unit})` : ""}`;

function format(value: string | number | null | undefined, { unit, digits }: Column): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  const text = unit === "%" ? `${(100 * value).toFixed(digits ?? 0)} %` : value.toFixed(digits ?? 3);
  return (/^-0(\.0*)?$/.test(text) ? text.slice(1) : text).replace("-", "−");
}

/** Characters that a column takes; its heading can be broken at spaces. */
const widest = ([head = "", ...cells]: string[]): number =>
  Math.max(...[...head.split(" "), ...cells].map((text) => text.length));

/** @param columns each a heading and its cells */
function draw(columns: string[][]): string {
  const widths = columns.map(widest);
  const words = columns.map(([head = ""]) => head.split(" "));
  const height = Math.max(...words.map((parts) => parts.length));
  const line = (cells: string[]): string =>
    cells
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c] as number) : cell.padStart(widths[c] as number)))
      .join("  ")
      .trimEnd();
  const head = Array.from({ length: height }, (_, i) =>
    line(words.map((parts) => parts[i - (height - parts.length)] ?? "")),
  );
  const body = (columns[0] as string[])
    .slice(1)
    .map((_, r) => line(columns.map((cells) => cells[r + 1] as string)));
  return [...head, widths.map((w) => "─".repeat(w)).join("──"), ...body].join("\n");
}
