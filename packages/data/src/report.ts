/** What became of the rows of a file: nothing is dropped or cut without being counted. */
import type { Fitted } from "./fit.js";
import type { DatasetReport } from "./types.js";

/** How many row numbers the report keeps for each reason. */
const ROWS_SHOWN = 5;

export function startReport(): DatasetReport {
  return { rows: 0, kept: 0, dropped: {}, cut: {}, firstRows: {} };
}

/** Counts one row; rows come in the file's order. */
export function countFitted(report: DatasetReport, fitted: Fitted, row: number): void {
  report.rows++;
  if (fitted.example === null) {
    count(report, "dropped", fitted.drop, row);
    return;
  }
  report.kept++;
  if (fitted.cut !== null) count(report, "cut", fitted.cut, row);
}

function count(report: DatasetReport, what: "dropped" | "cut", reason: string, row: number): void {
  report[what][reason] = (report[what][reason] ?? 0) + 1;
  report.firstRows[reason] ??= [];
  const rows = report.firstRows[reason];
  if (rows.length < ROWS_SHOWN) rows.push(row);
}

/** The error where no row of a file is left. */
export function noneLeft(path: string, report: DatasetReport): Error {
  const reasons = Object.entries(report.dropped).map(([reason, rows]) => `${reason}: ${rows}`);
  return new Error(`${path}: none of the ${report.rows} rows is left (${reasons.join(", ")})`);
}
