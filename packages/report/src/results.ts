/**
 * `results.json`: a table that some command made of its runs.
 * `{ "title", "columns": [{ "key", "label", "unit"?, "better"?: "high" | "low", "digits"? }], "rows": [{ "name", ...values }], "notes": [] }`
 */
import { readFile } from "node:fs/promises";

export interface ResultsColumn {
  key: string;
  label: string;
  /** shown after the label; "%" means that values are shares in 0…1 shown as percentages */
  unit?: string;
  /** which end is the better one; absent where there is none (steps, say) */
  better?: "high" | "low";
  /** digits after the point; default 3, or 0 for "%" */
  digits?: number;
}

export type ResultsRow = { name: string } & Record<string, string | number | null>;

export interface Results {
  title: string;
  columns: ResultsColumn[];
  rows: ResultsRow[];
  notes: string[];
}

/** @throws Error, one line, naming the file and the part that is wrong */
export async function readResults(path: string): Promise<Results> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be read (${cause.code ?? cause.message})`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path}: not JSON (${(cause as Error).message.split("\n")[0]})`);
  }
  return parseResults(value, path);
}

/** @param path names the file in errors */
export function parseResults(value: unknown, path = "results.json"): Results {
  const fail = (what: string): never => {
    throw new Error(`${path}: ${what}`);
  };
  if (typeof value !== "object" || value === null) fail("must hold an object with columns and rows");
  const { title, columns, rows, notes } = value as Record<string, unknown>;
  if (!Array.isArray(columns)) fail("columns must be an array");
  if (!Array.isArray(rows)) fail("rows must be an array");
  for (const [i, column] of (columns as unknown[]).entries()) {
    const { key, label, better } = (column ?? {}) as Record<string, unknown>;
    if (typeof key !== "string") fail(`columns[${i}].key must be a string`);
    if (typeof label !== "string") fail(`columns[${i}].label must be a string`);
    if (better !== undefined && better !== "high" && better !== "low")
      fail(`columns[${i}].better must be "high" or "low"`);
  }
  for (const [i, row] of (rows as unknown[]).entries()) {
    if (typeof (row as { name?: unknown } | null)?.name !== "string")
      fail(`rows[${i}].name must be a string`);
  }
  return {
    title: typeof title === "string" ? title : "",
    columns: columns as ResultsColumn[],
    rows: rows as ResultsRow[],
    notes: Array.isArray(notes) ? notes.map(String) : [],
  };
}

/** A value as the table shows it: fixed digits, percentages for shares, an en dash where there is none. */
export function formatValue(value: string | number | null | undefined, column: ResultsColumn): string {
  if (value === null || value === undefined || (typeof value === "number" && Number.isNaN(value))) return "–";
  if (typeof value === "string") return value;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const percent = column.unit === "%";
  const text = (percent ? value * 100 : value).toFixed(column.digits ?? (percent ? 0 : 3));
  return (/^-0(\.0*)?$/.test(text) ? text.slice(1) : text.replace("-", "−")) + (percent ? " %" : "");
}

/** Row indices that hold a column's best shown value; empty where all are equal or the column has no better end. */
export function bestRows(results: Results, column: ResultsColumn): Set<number> {
  if (column.better === undefined) return new Set();
  const shown = results.rows.map((row) => {
    const value = row[column.key];
    return typeof value === "number" && Number.isFinite(value)
      ? Number(value.toFixed((column.digits ?? 3) + 2))
      : undefined;
  });
  const known = shown.filter((value) => value !== undefined);
  if (known.length < 2) return new Set();
  const best = column.better === "high" ? Math.max(...known) : Math.min(...known);
  if (known.every((value) => value === best)) return new Set();
  return new Set(shown.flatMap((value, i) => (value === best ? [i] : [])));
}
