/** results.jsonl, results.csv and summary.json, written anew after every run. */
import { writeFileAtomic } from "@outright/checkpoint";
import type { SweepPaths } from "./directory.js";
import type { SweepRow, SweepSummary } from "./types.js";

export function writeResults(paths: SweepPaths, rows: readonly SweepRow[], summary: SweepSummary): void {
  writeFileAtomic(paths.results, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  writeFileAtomic(paths.csv, toCsv(rows, Object.keys(summary.objectives)));
  writeFileAtomic(paths.summary, `${JSON.stringify(summary, null, 2)}\n`);
}

type Cell = string | number | null | undefined;

/** A row for each run, RFC 4180; what a run does not have is empty. */
export function toCsv(rows: readonly SweepRow[], objectives: readonly string[]): string {
  const onRows = (where: "heldout" | "train", row: SweepRow): Cell[] => {
    const outcome = row.status === "finished" ? row[where] : null;
    return [
      ...objectives.flatMap((name) => [outcome?.losses[name], outcome?.gaps[name]]),
      outcome?.idealDistance,
      outcome?.scaledDistance,
    ];
  };
  const outcomes = (where: string) => [
    ...objectives.flatMap((name) => [`${where}_${name}_loss`, `${where}_${name}_gap`]),
    `${where}_ideal_distance`,
    `${where}_scaled_distance`,
  ];
  const header = [
    "id",
    "curve",
    "label",
    "method",
    "lambda",
    "every",
    "seed",
    "status",
    "error",
    "steps",
    ...objectives.map((name) => `${name}_steps`),
    "tokens",
    "loss_tokens",
    "pairs",
    "seconds",
    "cpu_utilization",
    "gpu_utilization",
    "peak_tensor_bytes",
    "peak_rss_bytes",
    ...outcomes("heldout"),
    ...outcomes("train"),
  ];
  const lines = rows.map((row): Cell[] => {
    const costs = row.status === "finished" ? row : undefined;
    return [
      row.id,
      row.curve,
      row.label,
      row.method,
      row.lambda,
      row.every,
      row.seed,
      row.status,
      row.status === "failed" ? row.error : "",
      costs?.steps,
      ...objectives.map((name) => (costs === undefined ? null : (costs.stepsPerObjective[name] ?? 0))),
      costs?.tokens,
      costs?.lossTokens,
      costs?.pairs,
      costs?.seconds,
      costs?.cpuUtilization,
      costs?.gpuUtilization,
      costs?.peakTensorBytes,
      costs?.peakRssBytes,
      ...onRows("heldout", row),
      ...onRows("train", row),
    ];
  });
  return [header, ...lines].map((line) => `${line.map(cell).join(",")}\n`).join("");
}

function cell(value: Cell): string {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
