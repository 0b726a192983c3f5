/** Keeps what a finished comparison is judged by in results/: the rows, the report with its figures, and the page beside the paper. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { FinishedRow, SweepRow, SweepSummary } from "outright";
import { comparisonPage } from "./page.js";

const FILES = ["results.jsonl", "results.csv", "summary.json", "optima.json", "report.html"];

/**
 * @param here folder that all paths are told from, so that they mean something elsewhere
 * @param sweep directory of the sweep
 * @param results folder that is written anew
 * @param command what was typed
 * @throws Error of one line where the sweep has no results
 */
export function store(here: string, sweep: string, results: string, command: string): void {
  for (const name of FILES)
    if (!existsSync(join(sweep, name)))
      throw new Error(`${join(sweep, name)}: no such file; is the sweep finished?`);
  const rows = readFileSync(join(sweep, "results.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as SweepRow);
  const summary = JSON.parse(readFileSync(join(sweep, "summary.json"), "utf8")) as SweepSummary;
  const circumstances = { date: new Date().toISOString().slice(0, 10), command, device: device() };
  const finished = rows.filter((row): row is FinishedRow => row.status === "finished");

  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  for (const name of FILES)
    writeFileSync(join(results, name), readFileSync(join(sweep, name), "utf8").replaceAll(`${here}/`, ""));
  cpSync(join(sweep, "figures"), join(results, "figures"), { recursive: true });
  writeFileSync(join(results, "environment.json"), `${JSON.stringify(circumstances, null, 2)}\n`);
  writeFileSync(join(results, "README.md"), comparisonPage(finished, summary, circumstances));
}

function device(): string {
  const processors = cpus();
  return `${processors[0]?.model.trim() ?? "an unknown processor"}, ${processors.length} threads, Node ${process.versions.node}`;
}
