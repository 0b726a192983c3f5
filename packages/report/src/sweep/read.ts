/**
 * Reads a sweep's directory: results.jsonl, summary.json, optima.json, sweep.yaml and what the runs below runs/ wrote.
 * The sweep may still be going: then summary.json is missing or older than the results, and groups are made from the rows.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { type Run, readRun } from "../run.js";
import type { SweepRow, SweepSummary } from "./format.js";
import { groupRows, type Known } from "./group.js";

export interface Sweep {
  dir: string;
  name: string;
  rows: SweepRow[];
  summary: SweepSummary;
  /** false where the sweep has not (yet) written a summary of these rows */
  isComplete: boolean;
  /** by id; runs that left no metrics (weight averages) are not among them */
  runs: Map<string, Run>;
  /** directories below runs/ that results.jsonl does not know: begun, not ended */
  begun: string[];
  config: string;
  /** what was odd about the files, for people */
  notes: string[];
}

/** Whether `dir` is a sweep's directory and not a run's. */
export async function isSweep(dir: string): Promise<boolean> {
  const has = (name: string): Promise<boolean> =>
    stat(join(dir, name)).then(
      (entry) => entry.isFile(),
      () => false,
    );
  if (await has("metrics.jsonl")) return false;
  return (await has("results.jsonl")) || (await has("summary.json")) || (await has("sweep.yaml"));
}

/**
 * @throws Error, one line, naming the file: no results yet, a newer format, a summary that is broken
 */
export async function readSweep(dir: string): Promise<Sweep> {
  const notes: string[] = [];
  const rows = await readRows(dir, notes);
  const stored = await readSummary(dir);
  const optima = parseObject(await textOf(join(dir, "optima.json")));
  if (rows.length === 0 && stored === undefined)
    throw new Error(
      `${join(dir, "results.jsonl")}: no run of this sweep has ended yet; try again when one has`,
    );
  const { runs, begun } = await readRuns(dir, rows, notes);
  const finished = rows.filter((row) => row.status === "finished").length;
  const counted = (stored?.curves ?? []).flatMap(({ points }) => points).reduce((n, p) => n + p.seconds.n, 0);
  const isComplete = stored !== undefined && (rows.length === 0 || counted >= finished);
  return {
    dir,
    name: basename(resolve(dir)),
    rows,
    summary: isComplete ? stored : groupRows(rows, known(optima, runs, stored)),
    isComplete,
    runs,
    begun,
    config: (await textOf(join(dir, "sweep.yaml"))) ?? "",
    notes,
  };
}

async function readRows(dir: string, notes: string[]): Promise<SweepRow[]> {
  const path = join(dir, "results.jsonl");
  const rows = new Map<string, SweepRow>();
  const unreadable: number[] = [];
  for (const [i, line] of ((await textOf(path)) ?? "").split("\n").entries()) {
    if (line.trim() === "") continue;
    const row = parseObject(line) as Partial<SweepRow> | undefined;
    if (row !== undefined && (row.version ?? 1) > 1)
      throw new Error(
        `${path}, line ${i + 1}: format version ${row.version} is newer than this program knows (1); update it`,
      );
    const isRow = typeof row?.id === "string" && typeof row.curve === "string";
    const hasEnded = row?.status === "failed" || (row?.status === "finished" && row.heldout != null);
    if (isRow && hasEnded)
      rows.set(row.id!, { ...row, label: row.label ?? row.curve, lambda: row.lambda ?? null } as SweepRow);
    else unreadable.push(i + 1);
  }
  if (unreadable.length > 0)
    notes.push(
      `results.jsonl has ${unreadable.length} unreadable line(s), left out: line ${unreadable.slice(0, 5).join(", ")}`,
    );
  return [...rows.values()];
}

async function readSummary(dir: string): Promise<SweepSummary | undefined> {
  const path = join(dir, "summary.json");
  const text = await textOf(path);
  if (text === undefined) return undefined;
  const summary = parseObject(text) as Partial<SweepSummary> | undefined;
  if (summary === undefined)
    throw new Error(`${path}: not a JSON object; run the sweep again to write it anew`);
  if ((summary.version ?? 1) > 1)
    throw new Error(
      `${path}: format version ${summary.version} is newer than this program knows (1); update it`,
    );
  for (const key of ["objectives", "optima", "base"] as const)
    if (typeof summary[key] !== "object" || summary[key] === null)
      throw new Error(`${path}: ${key} is missing; run the sweep again to write it anew`);
  for (const key of ["curves", "lambdas", "seeds"] as const)
    if (!Array.isArray(summary[key]))
      throw new Error(`${path}: ${key} is missing; run the sweep again to write it anew`);
  return { answer: [], ...summary } as SweepSummary;
}

async function readRuns(
  dir: string,
  rows: SweepRow[],
  notes: string[],
): Promise<{ runs: Map<string, Run>; begun: string[] }> {
  const present = await readdir(join(dir, "runs")).catch((): string[] => []);
  const runs = new Map<string, Run>();
  const without: string[] = [];
  for (const { id, label, method } of rows) {
    const run = present.includes(id)
      ? await readRun(join(dir, "runs", id)).catch(() => undefined)
      : undefined;
    if (run !== undefined) runs.set(id, { ...run, name: label });
    else if (method !== "average") without.push(id);
  }
  if (without.length > 0)
    notes.push(
      `${without.length} run(s) have no metrics below runs/, so they have no path: ${without.slice(0, 3).join(", ")}${without.length > 3 ? ", …" : ""}`,
    );
  const ids = new Set(rows.map((row) => row.id));
  return { runs, begun: present.filter((name) => !ids.has(name) && !name.startsWith(".")) };
}

/** What the groups need besides the rows, from optima.json and the runs' first lines. */
function known(
  optima: Record<string, unknown> | undefined,
  runs: Map<string, Run>,
  stored: SweepSummary | undefined,
): Known {
  if (stored !== undefined) return stored;
  const told = Object.entries(objectOf(optima?.["objectives"])).map(
    ([name, value]) => [name, objectOf(value)] as const,
  );
  const kinds = Object.assign({}, ...[...runs.values()].map((run) => run.kinds)) as Record<string, string>;
  const names = told.length > 0 ? told.map(([name]) => name) : Object.keys(kinds);
  const best = (slice: string): Record<string, number> =>
    Object.fromEntries(
      told.flatMap(([name, o]) => (typeof o[slice] === "number" ? [[name, o[slice] as number]] : [])),
    );
  const fromRuns = Object.assign({}, ...[...runs.values()].map((run) => run.optima)) as Record<
    string,
    number
  >;
  const base = objectOf(optima?.["base"]);
  const sum = (key: string): number => told.reduce((total, [, o]) => total + (Number(o[key]) || 0), 0);
  return {
    objectives: Object.fromEntries(names.map((name) => [name, kinds[name] ?? name])),
    optima: { heldout: { ...fromRuns, ...best("heldout") }, train: best("train") },
    base: { heldout: objectOf(base["heldout"]) as Record<string, number>, train: null },
    ranges: { heldout: {}, train: null },
    optimaCost: { seconds: sum("seconds"), tokens: sum("tokens"), steps: sum("steps") },
  };
}

const textOf = (path: string): Promise<string | undefined> =>
  readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new Error(`${path}: cannot be read (${cause.code ?? cause.message})`);
  });

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};

function parseObject(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
