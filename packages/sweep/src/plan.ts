/** The runs of a sweep, in the order in which they are made, as run configs that anyone could write. */
import { join } from "node:path";
import type { KnownOptimum, RunConfig, RunPolicyConfig } from "@outright/trainer";
import type { MethodConfig, SweepConfig } from "./config.js";
import { threadsOf } from "./threads.js";
import type { MethodName, Place } from "./types.js";

/** What is known once each objective was trained alone. */
export interface Known {
  optima: Record<string, KnownOptimum>;
  /** what a step of each objective takes */
  perStep: Record<string, { tokens: number; seconds: number }>;
}

export interface PlannedRun extends Place {
  /** ids of runs that must be finished before */
  needs: string[];
  /** absent for an average, which trains nothing */
  config?: (known: Known) => RunConfig;
  /** of an average: the two runs that it is made of, with their weights */
  parts?: { id: string; weight: number }[];
}

/** More steps than any budget of tokens or seconds lets a run have. */
const MANY_STEPS = 1_000_000;

/** All runs; those that measure f* come first, then seed by seed, so that the first seeds are whole early. */
export function planRuns(sweep: SweepConfig): PlannedRun[] {
  const runs = new Map<string, PlannedRun>();
  const add = (run: PlannedRun) => {
    if (!runs.has(run.id)) runs.set(run.id, run);
  };
  for (const objective of optimaObjectives(sweep)) add(single(sweep, objective, firstSeed(sweep)));
  const seeds = [...new Set(sweep.methods.flatMap((method) => method.seeds))];
  for (const seed of seeds) {
    for (const method of sweep.methods) {
      if (!method.seeds.includes(seed)) continue;
      if (method.name === "single" || method.name === "average")
        for (const objective of Object.keys(sweep.base.objectives)) add(single(sweep, objective, seed));
      if (method.name === "single") continue;
      for (const lambda of method.lambdas) for (const run of runsOf(sweep, method, lambda, seed)) add(run);
    }
  }
  return [...runs.values()];
}

export const firstSeed = ({ methods }: SweepConfig): number => methods[0]?.seeds[0] ?? 0;

/** Objectives that are trained alone before anything else: for f*, or for what their steps take. */
export function optimaObjectives(sweep: SweepConfig): string[] {
  const isNeeded = sweep.optima === "measure" || !("steps" in sweep.budget);
  return isNeeded ? Object.keys(sweep.base.objectives) : [];
}

export const singleId = (objective: string, seed: number): string => `single-${objective}-s${seed}`;

/** Training on one objective alone; its own f* is not known yet, so the config has none. */
export function single(sweep: SweepConfig, objective: string, seed: number): PlannedRun {
  const id = singleId(objective, seed);
  return {
    id,
    curve: `single-${objective}`,
    label: `${objective.toUpperCase()} only`,
    method: "single",
    lambda: null,
    every: null,
    seed,
    needs: [],
    config: () => runConfig(sweep, id, seed, { name: "single", objective }),
  };
}

function runsOf(sweep: SweepConfig, method: MethodConfig, lambda: number, seed: number): PlannedRun[] {
  const { sft, dpo } = sweep;
  const measured = optimaObjectives(sweep).map((objective) => singleId(objective, firstSeed(sweep)));
  const one = (
    curve: string,
    label: string,
    name: MethodName,
    policy: (known: Known) => RunPolicyConfig,
  ): PlannedRun => {
    const id = `${curve}-l${lambda}-s${seed}`;
    const config = (known: Known) => runConfig(sweep, id, seed, policy(known), known.optima);
    return { id, curve, label, method: name, lambda, every: null, seed, needs: measured, config };
  };
  switch (method.name) {
    case "sequential":
      if (lambda === 0 || lambda === 1) return []; // one stage would have no step
      return [[dpo, sft] as const, [sft, dpo] as const].map(([first, second]) =>
        one(
          `sequential-${first}-${second}`,
          `${first.toUpperCase()} then ${second.toUpperCase()}`,
          "sequential",
          (known) => stages(sweep, lambda, [first, second], known),
        ),
      );
    case "mix":
      return [one("mix", "Mix", "mix", () => ({ name: "mix", lambda, backward: "apart" }))];
    case "mix-one-pass": {
      const policy = () => ({ name: "mix", lambda, backward: "together" }) as const;
      return [one("mix-one-pass", "Mix, one backward pass", "mix", policy)];
    }
    case "alright":
      return [one("alright", "ALRIGHT", "alright", () => ({ name: "alright", lambda }))];
    case "maxright":
      return method.every.map((every) => ({
        ...one(`maxright-k${every}`, `MAXRIGHT K=${every}`, "maxright", ({ optima }) =>
          maxright(lambda, every, "fresh", optima),
        ),
        every,
      }));
    case "maxright-smoothed": {
      const policy = ({ optima }: Known) => maxright(lambda, 1, "smoothed", optima);
      return [one("maxright-smoothed", "MAXRIGHT, free gaps", "maxright", policy)];
    }
    case "average": {
      const id = `average-l${lambda}-s${seed}`;
      const parts = [
        { id: singleId(sft, seed), weight: 1 - lambda },
        { id: singleId(dpo, seed), weight: lambda },
      ];
      const needs = [...new Set([...measured, ...parts.map((part) => part.id)])];
      const place: Place = {
        ...{ id, curve: "average", label: "weight average", method: "average" },
        ...{ lambda, every: null, seed },
      };
      return [{ ...place, needs, parts }];
    }
    default:
      return [];
  }
}

const maxright = (
  lambda: number,
  every: number,
  gaps: "fresh" | "smoothed",
  optima: Known["optima"],
): RunPolicyConfig => ({
  name: "maxright",
  lambda,
  every,
  gaps,
  optima: Object.fromEntries(Object.entries(optima).map(([name, { heldout }]) => [name, heldout])),
});

/**
 * λ is the share of the budget that the preference objective's stage has. With tokens or seconds the first stage ends by what its
 * steps take on average, and the second where the budget ends.
 */
function stages(
  { budget, dpo }: SweepConfig,
  lambda: number,
  [first, second]: [string, string],
  { perStep }: Known,
): RunPolicyConfig {
  const share = first === dpo ? lambda : 1 - lambda;
  if ("steps" in budget) {
    const steps = Math.min(budget.steps - 1, Math.max(1, Math.round(share * budget.steps)));
    return sequential(first, steps, second, budget.steps - steps);
  }
  const cost = perStep[first];
  const one = "tokens" in budget ? cost?.tokens : cost?.seconds;
  const amount = "tokens" in budget ? budget.tokens : budget.seconds;
  const steps = Math.max(1, Math.round((share * amount) / (one as number)));
  return sequential(first, steps, second, MANY_STEPS);
}

const sequential = (first: string, steps: number, second: string, rest: number): RunPolicyConfig => ({
  name: "sequential",
  stages: [
    { objective: first, steps },
    { objective: second, steps: rest },
  ],
  freshOptimizer: true,
});

/** What every run has in common, with what is its own. The rows that are held out are the same for all seeds. */
export function runConfig(
  { base, budget, out, jobs }: SweepConfig,
  id: string,
  seed: number,
  policy: RunPolicyConfig,
  optima?: Known["optima"],
): RunConfig {
  const { optima: _, budget: __, ...rest } = base;
  const limit: Partial<RunConfig> = "steps" in budget ? {} : { budget };
  const inStages =
    policy.name === "sequential" ? policy.stages.reduce((sum, { steps }) => sum + steps, 0) : undefined;
  return {
    ...rest,
    ...limit,
    ...(optima === undefined ? {} : { optima }),
    seed,
    policy,
    steps: "steps" in budget ? budget.steps : (inStages ?? MANY_STEPS),
    threads: jobs === 1 ? base.threads : threadsOf(base.threads, jobs),
    evaluate: {
      ...base.evaluate,
      splitSeed: base.evaluate.splitSeed ?? base.seed,
      trainRows: base.evaluate.trainRows || base.evaluate.rows,
    },
    checkpoint: { ...base.checkpoint, keep: 1 },
    out: join(out, "runs", id),
  };
}
