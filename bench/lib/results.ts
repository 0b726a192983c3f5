/** What a run of the benchmarks leaves behind, and how it is written and read. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Machine } from "./machine.js";
import type { Stats } from "./stats.js";

export const RESULT_VERSION = 1;

/** One thing that was measured. */
export interface Entry {
  /** unique in its suite */
  name: string;
  unit: string;
  /** which direction is an improvement */
  better: "higher" | "lower";
  value: Stats;
  /** what else was seen in the same measurement, by name with its unit: {"peak RSS, MiB": 310} */
  facts?: Record<string, number | string>;
  /** what it has to reach */
  goal?: { atLeast: number } | { atMost: number };
}

export interface SuiteResult {
  suite: string;
  /** what the numbers mean: definitions, the work that was done */
  about: string;
  entries: Entry[];
  /** what could not be measured here, and why */
  skipped: { name: string; reason: string }[];
}

export interface BenchFile {
  version: typeof RESULT_VERSION;
  date: string;
  commit: string;
  command: string;
  machine: Machine;
  suites: SuiteResult[];
}

export function meetsGoal(entry: Entry): boolean | undefined {
  if (entry.goal === undefined) return undefined;
  return "atLeast" in entry.goal
    ? entry.value.median >= entry.goal.atLeast
    : entry.value.median <= entry.goal.atMost;
}

export function writeResults(path: string, file: BenchFile): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(file, rounded, 2)}\n`);
}

/** Six digits say more than any of these measurements know. */
const rounded = (_: string, value: unknown) =>
  typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;

/** @throws one line naming the file and what is wrong with it */
export function readResults(path: string): BenchFile {
  let file: BenchFile;
  try {
    file = JSON.parse(readFileSync(path, "utf8")) as BenchFile;
  } catch (error) {
    throw new Error(`${path}: cannot be read as a result of a benchmark: ${(error as Error).message}`);
  }
  if (file.version !== RESULT_VERSION || !Array.isArray(file.suites)) {
    throw new Error(
      `${path}: is no result of a benchmark of version ${RESULT_VERSION}; make it anew with --out`,
    );
  }
  return file;
}
