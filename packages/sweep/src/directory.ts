/** A sweep's directory: whether it is ours and free, what its runs were made from, and the files that tell the results. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { lockDirectory, recover, writeFileAtomic } from "@outright/checkpoint";
import { parseConfig, type RunConfig, resultKeysThatDiffer } from "@outright/trainer";
import { changedInputs } from "./inputs.js";

/** Made first, and so tells that a directory is a sweep's. */
export const INPUTS = "inputs.json";

export interface SweepPaths {
  root: string;
  runs: string;
  optima: string;
  results: string;
  csv: string;
  summary: string;
}

export function sweepPaths(root: string): SweepPaths {
  return {
    root,
    runs: join(root, "runs"),
    optima: join(root, "optima.json"),
    results: join(root, "results.jsonl"),
    csv: join(root, "results.csv"),
    summary: join(root, "summary.json"),
  };
}

/**
 * Makes the directory, or opens the one that is there to go on with it; locks it against other processes.
 * @param what for messages: "sweep" or "optima"
 * @returns its paths, and what gives the lock back
 * @throws Error of one line where it holds something else, is in use, or its runs were made from other files
 */
export function openSweep(
  root: string,
  what: string,
  inputs: Readonly<Record<string, string>>,
): { paths: SweepPaths; close: () => void } {
  const stats = statSync(root, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory())
    throw new Error(`${root}: is a file; choose another directory for out`);
  const names = stats === undefined ? [] : readdirSync(root).filter((name) => !name.startsWith("."));
  const isOurs = names.includes(INPUTS);
  if (names.length > 0 && !isOurs)
    throw new Error(
      `${root}: is not empty ("${names[0]}") and holds no ${what}; choose another directory for out`,
    );
  if (isOurs) refuseOtherInputs(root, what, inputs);
  const close = lockDirectory(root);
  try {
    recover(root, { locked: true });
    writeFileAtomic(join(root, INPUTS), `${JSON.stringify(inputs, null, 2)}\n`);
    return { paths: sweepPaths(root), close };
  } catch (error) {
    close();
    throw error;
  }
}

function refuseOtherInputs(root: string, what: string, inputs: Readonly<Record<string, string>>): void {
  let before: Record<string, string>;
  try {
    before = JSON.parse(readFileSync(join(root, INPUTS), "utf8")) as Record<string, string>;
  } catch {
    throw new Error(
      `${join(root, INPUTS)}: cannot be read; choose another directory for out, or remove this one`,
    );
  }
  const changed = changedInputs(before, inputs);
  if (changed.length === 0) return;
  throw new Error(
    `${root}: its runs were made from other files (${changed.join(", ")} changed); choose another out for this ${what}, or remove that directory`,
  );
}

/** Keys in which a run that is there differs from what is to be made in its place; none where there is none. */
export function differingKeys(config: RunConfig): string[] {
  const path = join(config.out, "config.yaml");
  if (!existsSync(path)) return [];
  return resultKeysThatDiffer(parseConfig(readFileSync(path, "utf8"), { path, checkFiles: false }), config);
}

/** @throws Error of one line where the run in `config.out` was made with a config that gives other results */
export function refuseOtherRun(config: RunConfig): void {
  const differing = differingKeys(config);
  if (differing.length === 0) return;
  throw new Error(
    `${config.out}: was made with another config (${differing.join(", ")}); choose another out, or remove that directory`,
  );
}

/** What is no longer needed of a run that is over. */
export function dropWeights(out: string, { model }: { model: boolean }): void {
  for (const name of ["checkpoints", ...(model ? ["model", "adapter"] : [])])
    rmSync(join(out, name), { recursive: true, force: true });
}
