/** A small sweep over the golden rows. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SweepRow } from "@outright/sweep";
import { stringify } from "yaml";

const goldens = join(import.meta.dirname, "../goldens");

/** Writes run.yaml and sweep.yaml into `folder`. @returns the path of sweep.yaml */
export function writeSweep(folder: string, sweep: object, run: object = {}): string {
  mkdirSync(folder, { recursive: true });
  const rows = (name: string) => join(goldens, "rows", name);
  const config = {
    model: join(goldens, "models/llama-nano"),
    device: "cpu",
    objectives: {
      sft: { kind: "sft", data: rows("sft.jsonl"), format: "alpaca", template: "plain", batch: 3 },
      dpo: { kind: "dpo", data: rows("dpo.jsonl"), format: "pairs", batch: 2 },
    },
    policy: { name: "alright", lambda: 0.5 },
    optimizer: { lr: 1e-3 },
    steps: 6,
    maxLength: 512,
    evaluate: { every: 3, holdout: 0.3 },
    checkpoint: { every: 2 },
    out: "runs/one",
    ...run,
  };
  writeFileSync(join(folder, "run.yaml"), stringify(config));
  const path = join(folder, "sweep.yaml");
  writeFileSync(path, stringify({ run: "run.yaml", out: "sweep", lambdas: [0.5], seeds: [1], ...sweep }));
  return path;
}

export function readRows(folder: string): SweepRow[] {
  return readFileSync(join(folder, "sweep/results.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as SweepRow);
}

/** Rows without what the clock and the process decide. */
export function withoutTimes(rows: readonly SweepRow[]): unknown[] {
  const times = ["seconds", "cpuUtilization", "peakTensorBytes", "peakRssBytes"];
  return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([key]) => !times.includes(key))));
}
