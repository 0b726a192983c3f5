/** What a finished run is remembered by: `record.json` in its directory, from its metrics. Gaps come later, with f*. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@outright/checkpoint";
import type { EndEvent, EvalEvent, MetricsLine, RunConfig, StartEvent } from "@outright/trainer";
import type { Costs, OnRows } from "./types.js";

const FILE = "record.json";

export interface RunRecord {
  version: 1;
  costs: Costs;
  /** before the first step, and at the end */
  base: OnRows;
  losses: OnRows;
  /** lowest evaluated loss of each objective, and the step of it */
  best: Record<string, { heldout: number; train: number | null; step: number }>;
  rows: Record<string, { heldout: number; train: number }>;
  /** of what the losses were measured on, by objective */
  keys: Record<string, string>;
}

/** All lines of a run's metrics; a last line that was cut is left out. */
export function readMetrics(out: string): MetricsLine[] {
  const path = join(out, "metrics.jsonl");
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  lines.pop(); // empty, or cut
  return lines.map((line) => JSON.parse(line) as MetricsLine);
}

/** Whether the run in `config.out` is at its end and its weights are written, the last thing that a run does. */
export function isFinished(config: RunConfig): boolean {
  const last = readMetrics(config.out).at(-1);
  if (last?.type !== "end" || last.reason !== "finished") return false;
  const weights =
    (config.lora?.merge ?? true) ? ["model", "config.json"] : ["adapter", "adapter_config.json"];
  return existsSync(join(config.out, ...weights));
}

/** @throws Error of one line where the run evaluated nothing */
export function makeRecord(lines: readonly MetricsLine[], gpuUtilization: number | null): RunRecord {
  const of = <Line extends MetricsLine>(type: Line["type"]) =>
    lines.filter((line) => line.type === type) as Line[];
  const start = of<StartEvent>("start")[0];
  const evals = of<EvalEvent>("eval");
  const end = of<EndEvent>("end").at(-1);
  const [first, last] = [evals[0], evals.at(-1)];
  if (start === undefined || end === undefined || first === undefined || last === undefined)
    throw new Error("its metrics.jsonl has no evaluation, or no end");
  const names = Object.keys(last.losses);
  return {
    version: 1,
    costs: costsOf(end, gpuUtilization),
    base: onRows(first),
    losses: onRows(last),
    best: Object.fromEntries(names.map((name) => [name, best(evals, name)])),
    rows: Object.fromEntries(
      names.map((name) => [
        name,
        { heldout: start.objectives[name]?.held ?? 0, train: start.objectives[name]?.slice ?? 0 },
      ]),
    ),
    keys: start.keys,
  };
}

function costsOf(end: EndEvent, gpuUtilization: number | null): Costs {
  const { seconds, cpuSeconds, threads, tokens, lossTokens, pairs } = end.training;
  return {
    steps: end.step,
    stepsPerObjective: end.stepsPerObjective,
    tokens,
    lossTokens,
    pairs,
    seconds,
    cpuUtilization: seconds > 0 ? cpuSeconds / (seconds * threads) : null,
    gpuUtilization,
    peakTensorBytes: end.peakTensorBytes,
    peakRssBytes: end.peakRssBytes,
  };
}

export const onRows = ({ losses, train }: Pick<EvalEvent, "losses" | "train">): OnRows => ({
  heldout: losses,
  train: train?.losses ?? null,
});

function best(
  evals: readonly EvalEvent[],
  name: string,
): { heldout: number; train: number | null; step: number } {
  const lowest = (of: (event: EvalEvent) => number | undefined) =>
    Math.min(...evals.map((event) => of(event) ?? Number.POSITIVE_INFINITY));
  const heldout = lowest(({ losses }) => losses[name]);
  const train = lowest(({ train: slice }) => slice?.losses[name]);
  return {
    heldout,
    train: Number.isFinite(train) ? train : null,
    step: evals.find(({ losses }) => losses[name] === heldout)?.step ?? 0,
  };
}

export function writeRecord(out: string, record: RunRecord): void {
  writeFileAtomic(join(out, FILE), `${JSON.stringify(record, null, 2)}\n`);
}

export function readRecord(out: string): RunRecord | null {
  try {
    return JSON.parse(readFileSync(join(out, FILE), "utf8")) as RunRecord;
  } catch {
    return null;
  }
}
