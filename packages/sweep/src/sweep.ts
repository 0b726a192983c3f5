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
import { type Learnt, learn, yardstickOf } from "./known.js";
import type { Outcome as Ended } from "./messages.js";
import { optimaKey, type SingleRun, writeOptima } from "./optima-file.js";
import { outcome } from "./outcome.js";
import { firstSeed, type PlannedRun, planRuns, singleId } from "./plan.js";
import {
  isFinished,
  makeRecord,
  onRows,
  type RunRecord,
  readMetrics,
  readRecord,
  writeRecord,
} from "./record.js";
import { writeResults } from "./results.js";
import { type RunProcess, startRun } from "./run-process.js";
import { summarise } from "./summary.js";
import type { Place, SweepRow, SweepSummary } from "./types.js";

export interface RunSweepOptions {
  onEvent?: OnSweepEvent;
  /** aborted: runs that go on are saved, and the sweep ends with reason "stopped" */
  signal?: AbortSignal;
  /** for messages, and whether runs that were made from other files or settings give way: those of `optima` do */
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

/** What became of a run. */
type Settled = { record: RunRecord } | { error: string };

/** @throws Error of one line where the directory is another's, or a run in it was made with other settings */
export async function runSweep(sweep: SweepConfig, options: RunSweepOptions = {}): Promise<SweepResult> {
  const { what = "sweep" } = options;
  const plan = planRuns(sweep);
  refuseUnknownBaseline(sweep, plan);
  const inputs = await hashInputs(sweep.base);
  const { paths, close } = openSweep(sweep.out, what, inputs);
  try {
    return await new Sweep(sweep, plan, paths, inputs, options).go();
  } finally {
    close();
  }
}

function refuseUnknownBaseline({ baseline }: SweepConfig, plan: readonly PlannedRun[]): void {
  const curves = [...new Set(plan.map(({ curve }) => curve))];
  if (baseline !== undefined && !curves.includes(baseline))
    throw new Error(`baseline: no curve is called ${baseline}; there are ${curves.join(", ")}`);
}

class Sweep {
  readonly #sweep: SweepConfig;
  readonly #plan: readonly PlannedRun[];
  readonly #paths: SweepPaths;
  readonly #inputs: Readonly<Record<string, string>>;
  readonly #emit: OnSweepEvent;
  readonly #signal: AbortSignal | undefined;
  readonly #settled = new Map<string, Settled>();
  readonly #going = new Map<string, { process?: RunProcess; over: Promise<void> }>();
  #learnt: Learnt | null = null;
  /** runs that are over and not told yet, since f* is not known, with the seconds they took */
  readonly #untold: { run: PlannedRun; wallSeconds: number }[] = [];

  constructor(
    sweep: SweepConfig,
    plan: readonly PlannedRun[],
    paths: SweepPaths,
    inputs: Readonly<Record<string, string>>,
    { onEvent = () => {}, signal }: RunSweepOptions,
  ) {
    this.#sweep = sweep;
    this.#plan = plan;
    this.#paths = paths;
    this.#inputs = inputs;
    this.#emit = onEvent;
    this.#signal = signal;
  }

  async go(): Promise<SweepResult> {
    writeFileAtomic(join(this.#paths.root, "sweep.yaml"), stringify(this.#sweep, { lineWidth: 0 }));
    this.#takeFinished();
    this.#emit({ type: "plan", runs: this.#plan.length, done: this.#settled.size });
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
    const summary = this.#write();
    if (this.#sweep.keep === "nothing" && this.#isOver()) this.#dropModels();
    const rows = this.#rows();
    return {
      reason: this.#isOver() ? "finished" : "stopped",
      paths: this.#paths,
      rows,
      summary,
      failed: [...this.#settled.values()].filter((one) => "error" in one).length,
    };
  }

  /** Runs that an earlier session finished, in the plan's order: those that measure f* come first, and the rest is checked with it. */
  #takeFinished(): void {
    for (const run of this.#plan) {
      const out = this.#outOf(run);
      const record = readRecord(out);
      if (record === null && !existsSync(join(out, "config.yaml"))) continue;
      if (run.needs.some((id) => !this.#isRecorded(id))) continue;
      if (run.config !== undefined) refuseOtherRun(run.config(this.#known()));
      if (record !== null) this.#settle(run, { record });
    }
  }

  #isRecorded(id: string): boolean {
    const settled = this.#settled.get(id);
    return settled !== undefined && "record" in settled;
  }

  #isOver = (): boolean => this.#settled.size === this.#plan.length;

  #outOf = ({ id }: Pick<Place, "id">): string => join(this.#paths.runs, id);

  async #runAll(): Promise<void> {
    const queue = this.#plan.filter(({ id }) => !this.#settled.has(id));
    while (queue.length > 0 || this.#going.size > 0) {
      const isStopped = this.#signal?.aborted === true;
      const ready = queue.findIndex(({ needs }) => needs.every((id) => this.#settled.has(id)));
      if (!isStopped && ready >= 0 && this.#going.size < this.#sweep.jobs) {
        this.#start(queue.splice(ready, 1)[0] as PlannedRun);
      } else if (this.#going.size > 0) {
        await Promise.race([...this.#going.values()].map(({ over }) => over));
      } else return; // stopped
    }
  }

  #start(run: PlannedRun): void {
    const failed = run.needs.find((id) => !this.#isRecorded(id));
    if (failed !== undefined) {
      this.#settle(run, { error: `it needs ${failed}, which failed` });
      this.#tell(run, 0);
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
    if (settled === null) return; // stopped
    this.#settle(run, settled);
    this.#write();
    this.#tell(run, (performance.now() - begun) / 1000);
  }

  async #train(run: PlannedRun, started: (process: RunProcess) => void): Promise<Settled | null> {
    const config = run.config?.(this.#known());
    if (config === undefined) throw new Error(`${run.id} has no config`);
    refuseOtherRun(config);
    this.#emit({
      type: "begin",
      run: placeOf(run),
      number: this.#number(run),
      runs: this.#plan.length,
      steps: config.steps,
    });
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

  async #average(run: PlannedRun, started: (process: RunProcess) => void): Promise<Settled | null> {
    const parts = (run.parts ?? []).map(({ id, weight }) => ({
      weight,
      model: join(this.#paths.runs, id, "model"),
      record: readRecord(join(this.#paths.runs, id)) as RunRecord,
    }));
    const out = this.#outOf(run);
    const missing = parts.find(({ model }) => !existsSync(model));
    if (missing !== undefined) throw new Error(`${missing.model} is gone, so it cannot be averaged`);
    const config = this.#plan[0]?.config?.(this.#known());
    if (config === undefined) throw new Error(`${run.id} has no run to be evaluated like`);
    this.#emit({
      type: "begin",
      run: placeOf(run),
      number: this.#number(run),
      runs: this.#plan.length,
      steps: 0,
    });
    const model = join(out, "model");
    const job = {
      type: "average" as const,
      config: { ...config, out },
      parts: parts.map((part) => ({ model: part.model, weight: part.weight })),
      model,
    };
    const ended = await this.#process(run, job, started);
    if (ended.type === "stopped") return null;
    if (ended.type === "error") return { error: ended.message };
    if (ended.type !== "evaluated") throw new Error("it was not evaluated");
    const record = averageRecord(
      parts.map((part) => part.record),
      onRows(ended.event),
    );
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

  #settle(run: PlannedRun, settled: Settled): void {
    this.#settled.set(run.id, settled);
    if (this.#learnt !== null || "error" in settled) return;
    const singles = this.#singles();
    if (singles === null) return;
    const key = optimaKey(
      this.#plan
        .slice(0, singles.length)
        .flatMap(({ config }) => config?.({ optima: {}, perStep: {} }) ?? []),
      this.#inputs,
    );
    const learnt = learn(this.#sweep, singles, key, this.#paths.optima);
    this.#learnt = learnt;
    if (learnt.file === undefined) return;
    writeOptima(this.#paths.optima, learnt.file);
    const entries = Object.entries(learnt.file.objectives);
    const train = entries.map(([name, one]) => [name, one.train] as const);
    this.#emit({
      type: "optima",
      path: this.#paths.optima,
      heldout: Object.fromEntries(entries.map(([name, { heldout }]) => [name, heldout])),
      train: train.some(([, value]) => value === null)
        ? null
        : (Object.fromEntries(train) as Record<string, number>),
    });
  }

  /** The runs that measure f*; empty where none are needed, null where one is missing yet. */
  #singles(): SingleRun[] | null {
    const seed = firstSeed(this.#sweep);
    const isNeeded = this.#sweep.optima === "measure" || !("steps" in this.#sweep.budget);
    const singles: SingleRun[] = [];
    for (const objective of isNeeded ? Object.keys(this.#sweep.base.objectives) : []) {
      const id = singleId(objective, seed);
      const settled = this.#settled.get(id);
      if (settled === undefined || "error" in settled) return null;
      singles.push({ objective, seed, out: this.#outOf({ id }), record: settled.record });
    }
    return singles;
  }

  #known(): Learnt["known"] {
    if (this.#learnt !== null) return this.#learnt.known;
    const isNeeded = this.#sweep.optima === "measure" || !("steps" in this.#sweep.budget);
    if (isNeeded) return { optima: {}, perStep: {} };
    this.#learnt = learn(this.#sweep, [], "", this.#paths.optima);
    return this.#learnt.known;
  }

  #rows(): SweepRow[] {
    const records = [...this.#settled.values()].flatMap((one) => ("record" in one ? [one.record] : []));
    const singles = this.#singles();
    if (this.#learnt === null || singles === null || records.length === 0) return [];
    const { optima, ranges } = yardstickOf(this.#sweep, this.#learnt, singles, records);
    return this.#plan.flatMap((run): SweepRow[] => {
      const settled = this.#settled.get(run.id);
      if (settled === undefined) return [];
      const place = { version: 1 as const, ...placeOf(run) };
      if ("error" in settled) return [{ ...place, status: "failed", error: settled.error }];
      const { costs, losses } = settled.record;
      const train =
        losses.train === null || optima.train === null || ranges.train === null
          ? null
          : outcome(losses.train, optima.train, ranges.train);
      const heldout = outcome(losses.heldout, optima.heldout, ranges.heldout);
      return [{ ...place, status: "finished", ...costs, heldout, train }];
    });
  }

  #write(): SweepSummary | null {
    const rows = this.#rows();
    const records = [...this.#settled.values()].flatMap((one) => ("record" in one ? [one.record] : []));
    const singles = this.#singles();
    if (this.#learnt === null || singles === null || records.length === 0) return null;
    const summary = summarise(this.#sweep, rows, yardstickOf(this.#sweep, this.#learnt, singles, records));
    writeResults(this.#paths, rows, summary);
    return summary;
  }

  #tell(run: PlannedRun, wallSeconds: number): void {
    this.#untold.push({ run, wallSeconds });
    const rows = this.#rows();
    for (const one of this.#untold.splice(0)) {
      const { id } = one.run;
      const settled = this.#settled.get(id) as Settled;
      const place = { version: 1 as const, ...placeOf(one.run) };
      const row =
        "error" in settled
          ? ({ ...place, status: "failed", error: settled.error } as const)
          : rows.find((other) => other.id === id);
      if (row === undefined) this.#untold.push(one);
      else
        this.#emit({
          type: "row",
          row,
          done: this.#settled.size,
          runs: this.#plan.length,
          wallSeconds: one.wallSeconds,
        });
    }
  }

  #number = (run: PlannedRun): number => this.#plan.indexOf(run) + 1;

  #dropModels(): void {
    for (const run of this.#plan) dropWeights(this.#outOf(run), { model: true });
  }
}

/** Seconds that a run held by another process is waited for. */
const HELD_ATTEMPTS = 30;

export function placeOf({ id, curve, label, method, lambda, every, seed }: Place): Place {
  return { id, curve, label, method, lambda, every, seed };
}
