/**
 * Trains all runs of a sweep, each in a process of its own, and keeps the tables of results up to date. What is finished is kept:
 * stopped or killed at any moment, the same sweep goes on where it was and ends with the same table.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@outright/checkpoint";
import { stringify } from "yaml";
import { averageRecord } from "./average.js";
import type { SweepConfig } from "./config.js";
import { dropWeights, openSweep, refuseOtherRun, type SweepPaths } from "./directory.js";
import type { OnSweepEvent } from "./events.js";
import { hashInputs } from "./inputs.js";
import { failedRow, Ledger, placeOf, type Settled } from "./ledger.js";
import type { Ended } from "./messages.js";
import { type PlannedRun, planRuns } from "./plan.js";
import {
  isFinished,
  makeRecord,
  onRows,
  type RunRecord,
  readMetrics,
  readRecord,
  writeRecord,
} from "./record.js";
import { type RunProcess, startRun } from "./run-process.js";
import type { OptimaFile, SweepRow, SweepSummary } from "./types.js";

export interface RunSweepOptions {
  onEvent?: OnSweepEvent;
  /** aborted: runs that go on are saved, and the sweep ends with reason "stopped" */
  signal?: AbortSignal;
  /** for messages */
  what?: "sweep" | "optima";
}

export interface SweepResult {
  reason: "finished" | "stopped";
  paths: SweepPaths;
  rows: SweepRow[];
  /** null where f* is not known yet */
  summary: SweepSummary | null;
  failed: number;
}

/** @throws Error of one line where the directory is another's, or a run in it was made with other settings */
export async function runSweep(sweep: SweepConfig, options: RunSweepOptions = {}): Promise<SweepResult> {
  const { what = "sweep" } = options;
  const plan = planRuns(sweep);
  refuseUnknownBaseline(sweep, plan);
  const inputs = await hashInputs(sweep.base);
  const { paths, close } = openSweep(sweep.out, what, inputs);
  try {
    return await new Sweep(sweep, plan, paths, new Ledger(sweep, plan, paths, inputs), options).go();
  } finally {
    close();
  }
}

function refuseUnknownBaseline({ baseline }: SweepConfig, plan: readonly PlannedRun[]): void {
  const curves = [...new Set(plan.map(({ curve }) => curve))];
  if (baseline !== undefined && !curves.includes(baseline))
    throw new Error(`baseline: no curve is called ${baseline}; there are ${curves.join(", ")}`);
}

/** Seconds that a run held by another process is waited for. */
const HELD_ATTEMPTS = 30;

class Sweep {
  readonly #sweep: SweepConfig;
  readonly #plan: readonly PlannedRun[];
  readonly #paths: SweepPaths;
  readonly #ledger: Ledger;
  readonly #emit: OnSweepEvent;
  readonly #signal: AbortSignal | undefined;
  readonly #going = new Map<string, { process?: RunProcess; over: Promise<void> }>();
  /** finished runs that are not told yet, since f* is not known, with the seconds they took */
  readonly #untold: { run: PlannedRun; wallSeconds: number }[] = [];

  constructor(
    sweep: SweepConfig,
    plan: readonly PlannedRun[],
    paths: SweepPaths,
    ledger: Ledger,
    { onEvent = () => {}, signal }: RunSweepOptions,
  ) {
    this.#sweep = sweep;
    this.#plan = plan;
    this.#paths = paths;
    this.#ledger = ledger;
    this.#emit = onEvent;
    this.#signal = signal;
  }

  async go(): Promise<SweepResult> {
    const ledger = this.#ledger;
    writeFileAtomic(join(this.#paths.root, "sweep.yaml"), stringify(this.#sweep, { lineWidth: 0 }));
    this.#takeFinished();
    this.#emit({ type: "plan", runs: this.#plan.length, done: ledger.done });
    const stop = () => {
      for (const { process } of this.#going.values()) process?.stop();
    };
    this.#signal?.addEventListener("abort", stop, { once: true });
    try {
      await this.#runAll();
    } finally {
      this.#signal?.removeEventListener("abort", stop);
      await Promise.all([...this.#going.values()].map(({ over }) => over));
    }
    const summary = ledger.write();
    const isOver = ledger.done === this.#plan.length;
    if (this.#sweep.keep === "nothing" && isOver)
      for (const run of this.#plan) dropWeights(this.#outOf(run), { model: true });
    const reason = isOver ? "finished" : "stopped";
    return { reason, paths: this.#paths, rows: ledger.rows(), summary, failed: ledger.failed };
  }

  /** Runs that were finished before, in the plan's order: those that measure f* come first, and the rest is checked with it. */
  #takeFinished(): void {
    for (const run of this.#plan) {
      const out = this.#outOf(run);
      const record = readRecord(out);
      if (record === null && !existsSync(join(out, "config.yaml"))) continue;
      if (run.needs.some((id) => this.#ledger.record(id) === null)) continue;
      if (run.config !== undefined) refuseOtherRun(run.config(this.#ledger.known()));
      if (record !== null) this.#settle(run, { record });
    }
  }

  #outOf = ({ id }: { id: string }): string => join(this.#paths.runs, id);

  async #runAll(): Promise<void> {
    const queue = this.#plan.filter(({ id }) => !this.#ledger.isSettled(id));
    while (queue.length > 0 || this.#going.size > 0) {
      const isStopped = this.#signal?.aborted === true;
      const ready = queue.findIndex(({ needs }) => needs.every(this.#ledger.isSettled));
      if (!isStopped && ready >= 0 && this.#going.size < this.#sweep.jobs) {
        this.#start(queue.splice(ready, 1)[0] as PlannedRun);
      } else if (this.#going.size > 0) {
        await Promise.race([...this.#going.values()].map(({ over }) => over));
      } else return; // stopped
    }
  }

  #start(run: PlannedRun): void {
    const failed = run.needs.find((id) => this.#ledger.record(id) === null);
    if (failed !== undefined) {
      this.#over(run, { error: `it needs ${failed}, which failed` }, 0);
      return;
    }
    const entry: { process?: RunProcess; over: Promise<void> } = { over: Promise.resolve() };
    this.#going.set(run.id, entry);
    entry.over = this.#make(run, (process) => {
      entry.process = process;
    }).finally(() => this.#going.delete(run.id));
  }

  async #make(run: PlannedRun, started: (process: RunProcess) => void): Promise<void> {
    const begun = performance.now();
    let settled: Settled | null;
    try {
      settled = run.parts === undefined ? await this.#train(run, started) : await this.#average(run, started);
    } catch (error) {
      settled = { error: (error as Error).message };
    }
    if (settled !== null) this.#over(run, settled, (performance.now() - begun) / 1000);
  }

  /** @returns null where it was stopped */
  async #train(run: PlannedRun, started: (process: RunProcess) => void): Promise<Settled | null> {
    const config = run.config?.(this.#ledger.known());
    if (config === undefined) throw new Error(`${run.id} has no config`);
    refuseOtherRun(config);
    this.#begin(run, config.budget === undefined ? config.steps : null);
    let gpuUtilization: number | null = null;
    if (!isFinished(config)) {
      const ended = await this.#process(run, { type: "train", config }, started);
      if (ended.type === "stopped") return null;
      if (ended.type === "error") return { error: ended.message };
      if (ended.type === "trained") gpuUtilization = ended.gpuUtilization;
    }
    const record = makeRecord(readMetrics(config.out), gpuUtilization);
    writeRecord(config.out, record);
    dropWeights(config.out, { model: false });
    return { record };
  }

  /** @returns null where it was stopped */
  async #average(run: PlannedRun, started: (process: RunProcess) => void): Promise<Settled | null> {
    const parts = (run.parts ?? []).map(({ id, weight }) => ({
      id,
      weight,
      model: join(this.#outOf({ id }), "model"),
    }));
    const missing = parts.find(({ model }) => !existsSync(model));
    if (missing !== undefined) throw new Error(`${missing.model} is gone, so it cannot be averaged`);
    const out = this.#outOf(run);
    // any run's config evaluates the same rows
    const config = this.#plan.find((other) => other.config !== undefined)?.config?.(this.#ledger.known());
    if (config === undefined) throw new Error(`${run.id} has no run to be evaluated like`);
    this.#begin(run, 0);
    const ended = await this.#process(
      run,
      {
        type: "average",
        config: { ...config, out },
        parts: parts.map(({ model, weight }) => ({ model, weight })),
        model: join(out, "model"),
      },
      started,
    );
    if (ended.type === "stopped") return null;
    if (ended.type === "error") return { error: ended.message };
    if (ended.type !== "evaluated") throw new Error("it was not evaluated");
    const records = parts.map(({ id }) => this.#ledger.record(id) as RunRecord);
    const record = averageRecord(records, onRows(ended.event));
    writeRecord(out, record);
    return { record };
  }

  /** A process that a killed sweep left behind may hold the run for a moment. */
  async #process(
    run: PlannedRun,
    job: Parameters<typeof startRun>[0],
    started: (process: RunProcess) => void,
  ): Promise<Ended> {
    for (let attempt = 0; ; attempt++) {
      const process = startRun(job, (event) => this.#emit({ type: "run", id: run.id, event }));
      started(process);
      if (this.#signal?.aborted === true) process.stop();
      const ended = await process.outcome;
      const isHeld = ended.type === "error" && / is in use by process \d+/.test(ended.message);
      if (!isHeld || attempt >= HELD_ATTEMPTS || this.#signal?.aborted === true) return ended;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  #begin(run: PlannedRun, steps: number | null): void {
    const number = this.#plan.indexOf(run) + 1;
    this.#emit({ type: "begin", run: placeOf(run), number, runs: this.#plan.length, steps });
  }

  #over(run: PlannedRun, settled: Settled, wallSeconds: number): void {
    this.#settle(run, settled);
    this.#ledger.write();
    if ("error" in settled) this.#tell(failedRow(run, settled.error), wallSeconds);
    else this.#untold.push({ run, wallSeconds });
    const rows = new Map(this.#ledger.rows().map((row) => [row.id, row]));
    if (rows.size === 0) return;
    for (const one of this.#untold.splice(0)) this.#tell(rows.get(one.run.id) as SweepRow, one.wallSeconds);
  }

  #tell(row: SweepRow, wallSeconds: number): void {
    this.#emit({ type: "row", row, done: this.#ledger.done, runs: this.#plan.length, wallSeconds });
  }

  #settle(run: PlannedRun, settled: Settled): void {
    const optima = this.#ledger.settle(run, settled);
    if (optima !== null) this.#emit({ type: "optima", path: this.#paths.optima, ...valuesOf(optima) });
  }
}

function valuesOf({ objectives }: OptimaFile): {
  heldout: Record<string, number>;
  train: Record<string, number> | null;
} {
  const entries = Object.entries(objectives);
  const train = entries.flatMap(([name, one]) => (one.train === null ? [] : [[name, one.train] as const]));
  return {
    heldout: Object.fromEntries(entries.map(([name, { heldout }]) => [name, heldout])),
    train: train.length < entries.length ? null : Object.fromEntries(train),
  };
}
