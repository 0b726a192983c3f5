/** optima.json: f* of each objective from the runs that trained it alone. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, relative, sep } from "node:path";
import { writeFileAtomic } from "@outright/checkpoint";
import { type KnownOptimum, type RunConfig, stringifyConfig } from "@outright/trainer";
import type { RunRecord } from "./record.js";
import type { OptimaFile } from "./types.js";

/** The run that trained one objective alone. */
export interface SingleRun {
  objective: string;
  seed: number;
  /** its directory */
  out: string;
  record: RunRecord;
}

/** Names all that decides f*: the configs of the runs but for where they lie and how they are computed, and the inputs. */
export function optimaKey(configs: readonly RunConfig[], inputs: Readonly<Record<string, string>>): string {
  const decisive = configs.map(({ out: _, threads: __, checkpoint: ___, recompute: ____, ...rest }) =>
    stringifyConfig(rest as RunConfig),
  );
  return createHash("sha256")
    .update(JSON.stringify([decisive, inputs]))
    .digest("hex");
}

/** @param path where the file will lie: it names its runs from there, so that a sweep may be moved */
export function makeOptima(singles: readonly SingleRun[], key: string, path: string): OptimaFile {
  const first = singles[0] as SingleRun;
  return {
    version: 1,
    objectives: Object.fromEntries(
      singles.map(({ objective, seed, out, record }) => {
        const { heldout, train, step } = record.best[objective] as RunRecord["best"][string];
        const { steps, seconds, tokens } = record.costs;
        return [
          objective,
          {
            heldout,
            train,
            step,
            steps,
            seed,
            seconds,
            tokens,
            run: relative(dirname(path), out).split(sep).join("/"),
            rows: record.rows[objective] as { heldout: number; train: number },
            losses: record.losses,
            key: record.keys[objective] ?? "",
          },
        ];
      }),
    ),
    base: first.record.base,
    key,
  };
}

export function writeOptima(path: string, optima: OptimaFile): void {
  writeFileAtomic(path, `${JSON.stringify(optima, null, 2)}\n`);
}

/** Null where there is none that can be read. */
export function readOptimaFile(path: string): OptimaFile | null {
  try {
    const file = JSON.parse(readFileSync(path, "utf8")) as OptimaFile;
    return file.version === 1 && typeof file.objectives === "object" ? file : null;
  } catch {
    return null;
  }
}

/** As a run config knows f*. */
export function knownFrom(file: OptimaFile, path: string): Record<string, KnownOptimum> {
  return Object.fromEntries(
    Object.entries(file.objectives).map(([name, { heldout, train, key }]) => [
      name,
      { heldout, ...(train === null ? {} : { train }), from: path, key },
    ]),
  );
}
