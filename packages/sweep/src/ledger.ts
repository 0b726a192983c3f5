/** What became of each run of a sweep, and the tables that follow from it. */
import { join } from "node:path";
import type { SweepConfig } from "./config.js";
import type { SweepPaths } from "./directory.js";
import { type Learnt, learn, yardstickOf } from "./known.js";
import { optimaKey, type SingleRun, writeOptima } from "./optima-file.js";
import { outcome } from "./outcome.js";
import { firstSeed, type Known, optimaObjectives, type PlannedRun, singleId } from "./plan.js";
import type { RunRecord } from "./record.js";
import { writeResults } from "./results.js";
import { summarise, type Yardstick } from "./summary.js";
import type { OptimaFile, Place, SweepRow, SweepSummary } from "./types.js";

/** What became of a run. */
export type Settled = { record: RunRecord } | { error: string };

export class Ledger {
  readonly #sweep: SweepConfig;
  readonly #plan: readonly PlannedRun[];
  readonly #paths: SweepPaths;
  readonly #inputs: Readonly<Record<string, string>>;
  readonly #settled = new Map<string, Settled>();
  #learnt: Learnt | null = null;

  constructor(
    sweep: SweepConfig,
    plan: readonly PlannedRun[],
    paths: SweepPaths,
    inputs: Readonly<Record<string, string>>,
  ) {
    this.#sweep = sweep;
    this.#plan = plan;
    this.#paths = paths;
    this.#inputs = inputs;
  }

  /** runs that are over, failed ones among them */
  get done(): number {
    return this.#settled.size;
  }

  get failed(): number {
    return [...this.#settled.values()].filter((one) => "error" in one).length;
  }

  isSettled = (id: string): boolean => this.#settled.has(id);

  /** The record of a run that is finished; null where it failed or is not over. */
  record(id: string): RunRecord | null {
    const settled = this.#settled.get(id);
    return settled !== undefined && "record" in settled ? settled.record : null;
  }

  /** @returns optima.json, where this run was the last that it needed */
  settle({ id }: PlannedRun, settled: Settled): OptimaFile | null {
    this.#settled.set(id, settled);
    const singles = this.#learnt === null ? this.#singles() : null;
    if (singles === null) return null;
    const configs = this.#plan
      .slice(0, singles.length)
      .flatMap(({ config }) => config?.({ optima: {}, perStep: {} }) ?? []);
    const key = optimaKey(configs, this.#inputs);
    this.#learnt = learn(this.#sweep, singles, key, this.#paths.optima);
    const { file } = this.#learnt;
    if (file === undefined) return null;
    writeOptima(this.#paths.optima, file);
    return file;
  }

  /** What runs after those that measure f* are planned with. */
  known(): Known {
    if (this.#learnt === null && optimaObjectives(this.#sweep).length === 0)
      this.#learnt = learn(this.#sweep, [], "", this.#paths.optima);
    return this.#learnt?.known ?? { optima: {}, perStep: {} };
  }

  /** Rows of all runs that are over, in the plan's order; none before f* is known. */
  rows(): SweepRow[] {
    const yardstick = this.#yardstick();
    if (yardstick === null) return [];
    return this.#plan.flatMap((run) => {
      const settled = this.#settled.get(run.id);
      return settled === undefined ? [] : [rowOf(run, settled, yardstick)];
    });
  }

  /** Writes results.jsonl, results.csv and summary.json; null, and nothing, before f* is known. */
  write(): SweepSummary | null {
    const yardstick = this.#yardstick();
    if (yardstick === null) return null;
    const rows = this.rows();
    const summary = summarise(this.#sweep, rows, yardstick);
    writeResults(this.#paths, rows, summary);
    return summary;
  }

  #yardstick(): Yardstick | null {
    const records = [...this.#settled.values()].flatMap((one) => ("record" in one ? [one.record] : []));
    const singles = this.#singles();
    if (this.#learnt === null || singles === null || records.length === 0) return null;
    return yardstickOf(this.#sweep, this.#learnt, singles, records);
  }

  /** The runs that measure f*; empty where none are needed, null where one is missing. */
  #singles(): SingleRun[] | null {
    const seed = firstSeed(this.#sweep);
    const singles: SingleRun[] = [];
    for (const objective of optimaObjectives(this.#sweep)) {
      const id = singleId(objective, seed);
      const record = this.record(id);
      if (record === null) return null;
      singles.push({ objective, seed, out: join(this.#paths.runs, id), record });
    }
    return singles;
  }
}

/** A run that failed has a row before f* is known too. */
export function failedRow(run: PlannedRun, error: string): SweepRow {
  return { version: 1, ...placeOf(run), status: "failed", error };
}

function rowOf(run: PlannedRun, settled: Settled, { optima, ranges }: Yardstick): SweepRow {
  if ("error" in settled) return failedRow(run, settled.error);
  const { costs, losses } = settled.record;
  const train =
    losses.train === null || optima.train === null || ranges.train === null
      ? null
      : outcome(losses.train, optima.train, ranges.train);
  const heldout = outcome(losses.heldout, optima.heldout, ranges.heldout);
  return { version: 1, ...placeOf(run), status: "finished", ...costs, heldout, train };
}

export function placeOf({ id, curve, label, method, lambda, every, seed }: Place): Place {
  return { id, curve, label, method, lambda, every, seed };
}
