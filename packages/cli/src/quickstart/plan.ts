/**
 * What the quickstart runs, as run configs that anyone could write: the base model from nothing, each objective alone
 * (which gives f*), and the five ways of having both, all from the same base and with the same number of steps.
 */
import { join } from "node:path";
import type { RunConfigInput } from "@outright/trainer";

/** Where everything lies below the quickstart's directory. */
export interface QuickstartPaths {
  root: string;
  /** base.jsonl, sft.train.jsonl, sft.heldout.jsonl, dpo.train.jsonl, dpo.heldout.jsonl, questions.jsonl */
  world: string;
  /** config.json and tokenizer, no weights */
  blank: string;
  /** the base model's run; its `model` directory is what all others start from */
  base: string;
  /** NAME.jsonl for each model: what it said to the held-out questions */
  answers: string;
  /** reference log-probs that all runs share */
  references: string;
  results: string;
  report: string;
}

export function quickstartPaths(root: string): QuickstartPaths {
  return {
    root,
    world: join(root, "world"),
    blank: join(root, "blank"),
    base: join(root, "base"),
    answers: join(root, "answers"),
    references: join(root, ".cache"),
    results: join(root, "results.json"),
    report: join(root, "report.html"),
  };
}

export interface Budget {
  /** optimizer steps that make the base model, and documents of each */
  baseSteps: number;
  baseBatch: number;
  baseLr: number;
  /** optimizer steps of every run after it; a sequential run splits them in halves */
  steps: number;
  sftBatch: number;
  dpoBatch: number;
  lr: number;
  beta: number;
  lambda: number;
  schedule: { name: "constant" | "linear"; warmup: number; minimum?: number };
  evaluateEvery: number;
  checkpointEvery: number;
}

/**
 * The paper's learning rate is constant. Here it falls, in all runs alike, so that the few and small batches of a tiny
 * model do not decide where a run ends; it falls over all steps of a sequential run, which forgets less for it.
 */
export const BUDGET: Budget = {
  baseSteps: 600,
  baseBatch: 32,
  baseLr: 3e-3,
  steps: 400,
  sftBatch: 32,
  dpoBatch: 12,
  lr: 4e-4,
  beta: 0.5,
  lambda: 0.5,
  schedule: { name: "linear", warmup: 10, minimum: 0.05 },
  evaluateEvery: 25,
  checkpointEvery: 100,
};

/** f* comes from these two. */
export const SINGLES = { "sft-only": "sft", "dpo-only": "dpo" } as const;
export const METHODS = ["sft-then-dpo", "dpo-then-sft", "mix", "alright", "maxright"] as const;
export type SingleName = keyof typeof SINGLES;
export type MethodName = (typeof METHODS)[number];
export type Optima = { sft: number; dpo: number };

/**
 * The stages in order, each with roughly the seconds that it takes on two cores of a server of 2023; only their
 * proportions matter, for the time that is left.
 */
export function stageCosts(budget: Budget): Record<string, number> {
  const base = (budget.baseSteps * budget.baseBatch) / 1050;
  const sft = (budget.steps * budget.sftBatch) / 1000;
  const dpo = (budget.steps * budget.dpoBatch) / 470;
  return {
    world: 1,
    base,
    "sft-only": sft,
    "dpo-only": dpo,
    "sft-then-dpo": (sft + dpo) / 2,
    "dpo-then-sft": (sft + dpo) / 2,
    mix: 0.85 * (sft + dpo),
    alright: (sft + dpo) / 2,
    maxright: (sft + dpo) / 2,
    report: 1,
  };
}

export function baseRun(paths: QuickstartPaths, seed: number, budget: Budget = BUDGET): RunConfigInput {
  return {
    model: paths.blank,
    init: "random",
    seed,
    objectives: {
      text: { kind: "sft", data: join(paths.world, "base.jsonl"), format: "text", batch: budget.baseBatch },
    },
    steps: budget.baseSteps,
    maxLength: 128,
    optimizer: { lr: budget.baseLr, weightDecay: 0.01 },
    schedule: { name: "cosine", warmup: Math.ceil(budget.baseSteps / 20), minimum: 0.05 },
    evaluate: { every: 0, rows: 100, holdout: 0.03 },
    checkpoint: { every: budget.checkpointEvery, keep: 1 },
    out: paths.base,
  };
}

export function singleRun(
  paths: QuickstartPaths,
  name: SingleName,
  seed: number,
  budget: Budget = BUDGET,
): RunConfigInput {
  return { ...shared(paths, name, seed, budget), policy: { name: "single", objective: SINGLES[name] } };
}

/** @param optima f* of each objective, for MAXRIGHT and for the gaps of all */
export function methodRun(
  paths: QuickstartPaths,
  name: MethodName,
  seed: number,
  optima: Optima,
  budget: Budget = BUDGET,
): RunConfigInput {
  const { lambda, steps } = budget;
  const half = Math.floor(steps / 2);
  const stages = (first: keyof Optima, second: keyof Optima) => [
    { objective: first, steps: half },
    { objective: second, steps: steps - half },
  ];
  const policies: Record<MethodName, NonNullable<RunConfigInput["policy"]>> = {
    "sft-then-dpo": { name: "sequential", stages: stages("sft", "dpo") },
    "dpo-then-sft": { name: "sequential", stages: stages("dpo", "sft") },
    mix: { name: "mix", lambda },
    alright: { name: "alright", lambda },
    maxright: { name: "maxright", lambda, every: 10, optima },
  };
  return { ...shared(paths, name, seed, budget), policy: policies[name] };
}

/** Same base, data, optimizer and number of steps for every run that is compared. */
function shared(paths: QuickstartPaths, name: string, seed: number, budget: Budget): RunConfigInput {
  return {
    model: join(paths.base, "model"),
    seed,
    objectives: {
      sft: {
        kind: "sft",
        data: join(paths.world, "sft.train.jsonl"),
        heldout: join(paths.world, "sft.heldout.jsonl"),
        format: "prompt-response",
        template: "clean",
        batch: budget.sftBatch,
      },
      dpo: {
        kind: "dpo",
        data: join(paths.world, "dpo.train.jsonl"),
        heldout: join(paths.world, "dpo.heldout.jsonl"),
        format: "pairs",
        template: "clean",
        batch: budget.dpoBatch,
        beta: budget.beta,
        reference: "initial",
      },
    },
    steps: budget.steps,
    maxLength: 128,
    optimizer: { lr: budget.lr },
    schedule: budget.schedule,
    evaluate: { every: budget.evaluateEvery, rows: 200 },
    checkpoint: { every: budget.checkpointEvery, keep: 1 },
    out: join(paths.root, name),
  };
}
