/** The quickstart's closing table: from metrics lines and marks to results.json, and to text for a terminal. */
import type { MetricsLine } from "@outright/trainer";
import type { Marks } from "./grade.js";
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

/** What is known of one model: its run's lines and the marks of its generated answers. For the base: any run's evaluation at step 0. */
export interface Measured {
  name: string;
  lines: MetricsLine[];
  marks: Marks;
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
export function optimum(lines: MetricsLine[], objective: keyof Optima): number {
  const losses = lines.flatMap((line) =>
    line.type === "eval" ? [line.losses[objective] ?? Number.NaN] : [],
  );
  return Math.min(...losses.filter(Number.isFinite));
}

/** @param optima f*, see `optimum` */
export function makeResults(
  measured: Measured[],
  optima: Optima,
  questions: { allowed: number; forbidden: number },
): Results {
  return {
    title: "Both objectives at once: what each way keeps",
    columns: COLUMNS,
    rows: measured.map((one) => row(one, optima)),
    notes: [
      `Losses are on held-out rows at the end of the run; gaps are against f*, the lowest such loss of the objective trained alone for as many steps (SFT ${optima.sft.toFixed(4)}, DPO ${optima.dpo.toFixed(4)}).`,
      `Right answers and right refusals are measured by generating: ${questions.allowed} allowed and ${questions.forbidden} forbidden held-out prompts, greedy.`,
      "A mixed step trains on a batch of each objective, so mix sees twice the data of the others in the same number of steps; time tells its cost.",
    ],
  };
}

function row({ name, lines, marks }: Measured, optima: Optima): Results["rows"][number] {
  const last = lines.findLast((line) => line.type === "eval");
  const end = lines.findLast((line) => line.type === "end");
  const loss = (objective: keyof Optima): number => last?.losses[objective] ?? Number.NaN;
  const gaps = { sft: loss("sft") - optima.sft, dpo: loss("dpo") - optima.dpo };
  const values = {
    sft: loss("sft"),
    dpo: loss("dpo"),
    sftGap: gaps.sft,
    dpoGap: gaps.dpo,
    idealDistance: Math.hypot(gaps.sft, gaps.dpo),
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

/** The table in plain text: columns aligned, headings wrapped at their spaces. */
export function printTable(results: Results): string {
  const format = (value: string | number | null | undefined, column: Column): string => {
    if (value === null || value === undefined) return "–";
    if (typeof value === "string") return value;
    return column.unit === "%"
      ? `${(100 * value).toFixed(column.digits ?? 0)} %`
      : value.toFixed(column.digits ?? 3);
  };
  const heads = [
    ["run"],
    ...results.columns.map((c) => `${c.label}${c.unit && c.unit !== "%" ? ` (${c.unit})` : ""}`.split(" ")),
  ];
  const lines = Math.max(...heads.map((words) => words.length));
  const headRows = Array.from({ length: lines }, (_, i) =>
    heads.map((words) => words[i - (lines - words.length)] ?? ""),
  );
  const body = results.rows.map((row) => [
    row.name,
    ...results.columns.map((column) => format(row[column.key], column)),
  ]);
  const widths = heads.map((_, c) => Math.max(...[...headRows, ...body].map((cells) => cells[c]!.length)));
  const draw = (cells: string[]): string =>
    cells
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join("  ")
      .trimEnd();
  return [...headRows.map(draw), widths.map((w) => "─".repeat(w)).join("──"), ...body.map(draw)].join("\n");
}
