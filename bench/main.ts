/** Runs suites, writes their results, prints and compares them. `outright bench` and `pnpm bench` call this. */

import { compareTable } from "./lib/compare.js";
import { commit, describeMachine, machineLine } from "./lib/machine.js";
import { type BenchOptions, completeOptions } from "./lib/options.js";
import { type BenchFile, RESULT_VERSION, readResults, writeResults } from "./lib/results.js";
import { suiteTable } from "./lib/table.js";
import { SUITES } from "./suites/index.js";

export interface BenchRequest {
  /** names of suites; none = all */
  suites: readonly string[];
  options: Partial<BenchOptions>;
  /** the command as it was typed, for the record */
  command: string;
  /** where the results go as JSON */
  out?: string;
  /** lines of progress */
  say: (line: string) => void;
  /** the results as tables */
  print: (text: string) => void;
}

/** @throws one line for an unknown suite or a device that cannot be used, before anything is measured */
export async function runBench(request: BenchRequest): Promise<BenchFile> {
  const names = request.suites.length > 0 ? request.suites : Object.keys(SUITES);
  for (const name of names) {
    if (!Object.hasOwn(SUITES, name)) {
      throw new Error(`there is no suite "${name}"; there are ${Object.keys(SUITES).join(", ")}`);
    }
  }
  const options = completeOptions(request.options);
  const machine = describeMachine(options);
  request.say(machineLine(machine));
  const file: BenchFile = {
    version: RESULT_VERSION,
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    command: request.command,
    machine,
    suites: [],
  };
  for (const name of names) {
    const suite = SUITES[name] as (typeof SUITES)[string];
    request.say(`suite ${name}`);
    const result = await suite({ options, say: request.say });
    file.suites.push(result);
    request.print(`\n### ${name}\n\n${suiteTable(result)}\n`);
    if (request.out !== undefined) writeResults(request.out, file); // after each suite: a later one may take long
  }
  if (request.out !== undefined) request.say(`wrote ${request.out}`);
  return file;
}

export function compareFiles(a: string, b: string): string {
  return compareTable(readResults(a), readResults(b), { a, b });
}
