/** What can be said of a run from its lines: status, last losses, gaps, forgetting, costs. */
import type { EvalRow, Run } from "./run.js";

/** "finished: 300 steps", "stopped at step 120 of 300", "unfinished: step 120 of 300". */
export function status(run: Run): string {
  const of = Number.isFinite(run.plannedSteps) ? ` of ${run.plannedSteps}` : "";
  if (run.end?.reason === "finished") return `finished: ${run.end.step} steps`;
  if (run.end !== undefined) return `stopped at step ${run.end.step}${of}`;
  const last = Math.max(run.steps.at(-1)?.step ?? 0, run.evals.at(-1)?.step ?? 0);
  return last === 0 ? `no step yet${of}` : `unfinished: step ${last}${of}`;
}

/** "maxright: lambda 0.5, every 10": a policy in a few words. */
export function describePolicy(policy: Record<string, unknown>): string {
  const { name, ...rest } = policy;
  const details = Object.entries(rest)
    .filter(([key, value]) => value != null && key !== "optima")
    .map(([key, value]) => {
      if (key === "stages" && Array.isArray(value)) {
        return value
          .map((stage: { objective?: unknown; steps?: unknown }) => `${stage.objective} ${stage.steps}`)
          .join(" → ");
      }
      if (typeof value === "object") {
        return `${key} ${Object.entries(value as object)
          .map(([k, v]) => `${k}=${v}`)
          .join(" ")}`;
      }
      return typeof value === "boolean" ? (value ? words(key) : `no ${words(key)}`) : `${key} ${value}`;
    });
  const title = name === undefined ? "" : String(name);
  return details.length > 0 ? `${title}: ${details.join(", ")}` : title;
}

/** "freshOptimizer" → "fresh optimizer" */
const words = (key: string): string => key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** The last evaluation that knows the loss of at least one objective. */
export function lastEval(run: Run): EvalRow | undefined {
  return run.evals.findLast((row) => Object.values(row.losses).some(Number.isFinite));
}

/** Gap of an evaluation: as written, else loss − f* where f* is known; NaN otherwise. */
export function gap(run: Run, row: EvalRow, objective: string): number {
  return row.gaps[objective] ?? (row.losses[objective] ?? Number.NaN) - (run.optima[objective] ?? Number.NaN);
}

/** √Σ gap² over the run's objectives (paper, section 3), as written or from the gaps; NaN where one is unknown. */
export function idealDistance(run: Run, row: EvalRow): number {
  if (Number.isFinite(row.idealDistance)) return row.idealDistance;
  const gaps = Object.keys(row.losses).map((name) => gap(run, row, name));
  return gaps.length === 0 ? Number.NaN : Math.hypot(...gaps);
}

/** Forgetting: how far a held-out loss ended above the lowest value it had in the same run. */
export function forgotten(run: Run, objective: string): number {
  const losses = run.evals.map((row) => row.losses[objective] ?? Number.NaN).filter(Number.isFinite);
  return losses.length < 2 ? Number.NaN : losses.at(-1)! - Math.min(...losses);
}

export function stepsPerObjective(run: Run): Record<string, number> {
  if (run.end !== undefined && Object.keys(run.end.stepsPerObjective).length > 0)
    return run.end.stepsPerObjective;
  const counts: Record<string, number> = Object.fromEntries(run.objectives.map((name) => [name, 0]));
  for (const row of run.steps) {
    for (const [name, weight] of Object.entries(row.weights))
      if (weight > 0) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Seconds of the whole run; of the steps told so far where it has no end line. */
export function seconds(run: Run): number {
  if (run.end !== undefined && Number.isFinite(run.end.seconds)) return run.end.seconds;
  const told = run.steps.map((row) => row.seconds).filter(Number.isFinite);
  return told.length === 0 ? Number.NaN : told.reduce((sum, s) => sum + s, 0);
}

/** All objective names of all runs, in order of appearance. */
export const allObjectives = (runs: Run[]): string[] => [...new Set(runs.flatMap((run) => run.objectives))];

/** The two axes of the loss plane: the first SFT-like and the first preference objective, else the first two. */
export function planeAxes(runs: Run[]): [string, string] | undefined {
  const names = allObjectives(runs);
  const kind = (name: string): string => runs.find((run) => run.kinds[name] !== undefined)?.kinds[name] ?? "";
  const x = names.find((name) => kind(name) === "sft") ?? names[0];
  const y = names.find((name) => name !== x && kind(name) !== "sft") ?? names.find((name) => name !== x);
  return x === undefined || y === undefined ? undefined : [x, y];
}

/**
 * Runs that were not told f* of an objective take it from the others of the report that train it by the same loss, where those
 * agree: gaps of runs that are compared must be against the same optimum.
 */
export function shareOptima(runs: Run[]): void {
  for (const objective of allObjectives(runs)) {
    for (const loss of lossesOf(runs, objective)) {
      const alike = runs.filter((run) => lossOf(run, objective) === loss);
      const known = optimaOf(alike, objective);
      if (known.length === 1) for (const run of alike) run.optima[objective] ??= known[0]!;
    }
  }
}

/** f* of an objective as the runs have it; several values where they disagree. */
export function optimaOf(runs: Run[], objective: string): number[] {
  const known = runs.map((run) => run.optima[objective] ?? Number.NaN).filter(Number.isFinite);
  return [...new Set(known)].sort((a, b) => a - b);
}

/** "SFT loss (nats per token)", by kind. */
export function lossLabel(runs: Run[], objective: string): string {
  const kind = runs.find((run) => run.kinds[objective] !== undefined)?.kinds[objective] ?? "";
  const isNats = lossesOf(runs, objective).every((loss) => !NOT_IN_NATS.includes(loss));
  const unit = kind === "dpo" ? (isNats ? "nats per pair" : "per pair") : "nats per token";
  return `${lossTitle(runs, objective)} loss (${unit})`;
}

/** A squared difference and a hinge are no log-probs. */
const NOT_IN_NATS = ["ipo", "hinge"];

/** How a preference loss other than DPO's sigmoid is called. */
const LOSS_TITLES: Readonly<Record<string, string>> = {
  sigmoid: "DPO",
  ipo: "IPO",
  hinge: "hinge",
  robust: "robust DPO",
  mmpo: "MMPO",
  simpo: "SimPO",
  orpo: "ORPO",
};

/** The loss by which a run trains an objective; runs that do not tell have the usual one. */
const lossOf = (run: Run, objective: string): string => run.lossNames[objective] ?? "sigmoid";

const lossesOf = (runs: Run[], objective: string): string[] => [
  ...new Set(runs.filter((run) => run.objectives.includes(objective)).map((run) => lossOf(run, objective))),
];

/**
 * An objective's name for a heading: known abbreviations in capitals, and by its loss where that is not DPO's own: an objective
 * `dpo` that IPO trains is "IPO", one `polite` is "polite (IPO)".
 */
export function lossTitle(runs: Run[], objective: string): string {
  const losses = lossesOf(runs, objective);
  if (losses.every((loss) => loss === "sigmoid")) return title(objective);
  const names = losses.map((loss) => LOSS_TITLES[loss] ?? loss).join("/");
  return title(objective) === objective ? `${objective} (${names})` : names;
}

/** An objective's name for a heading: known abbreviations in capitals. */
export const title = (objective: string): string =>
  /^(sft|dpo)$/i.test(objective) ? objective.toUpperCase() : objective;
