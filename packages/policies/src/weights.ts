/** From `lambda` or `weights` of the config to one positive weight per objective, with sum 1. */
import type { ObjectiveInfo, WeightConfig } from "./policy.js";

/**
 * Objectives of weight 0 are left out: they are never trained. Order is that of `objectives`.
 * `lambda` itself is taken as it is, without rounding: w_dpo = lambda, w_sft = 1 - lambda.
 * @throws Error where both or neither are given, or they do not fit the objectives.
 */
export function resolveWeights(
  config: WeightConfig,
  objectives: readonly ObjectiveInfo[],
): Record<string, number> {
  const { lambda, weights } = config;
  if (lambda !== undefined && weights !== undefined) {
    throw new Error("policy: both lambda and weights are given; keep one of them");
  }
  if (lambda !== undefined) return positive(fromLambda(lambda, objectives));
  if (weights !== undefined) return positive(normalised(weights, objectives));
  throw new Error(
    "policy: neither lambda nor weights is given; give lambda (the weight of DPO, 0 to 1) or weights per objective",
  );
}

function fromLambda(lambda: number, objectives: readonly ObjectiveInfo[]): [string, number][] {
  if (!(lambda >= 0 && lambda <= 1)) {
    throw new Error(
      `policy.lambda: ${lambda} is not between 0 and 1; it is the weight of DPO, SFT has 1 - lambda`,
    );
  }
  const isPair = objectives.length === 2 && objectives.some(isSft) && objectives.some(isDpo);
  if (!isPair) {
    const found = objectives.map((objective) => `${objective.name} (${objective.kind})`).join(", ");
    throw new Error(
      `policy.lambda: needs exactly one sft and one dpo objective, found ${found || "none"}; give weights per objective instead`,
    );
  }
  return objectives.map((objective) => [objective.name, isDpo(objective) ? lambda : 1 - lambda]);
}

function normalised(
  weights: Readonly<Record<string, number>>,
  objectives: readonly ObjectiveInfo[],
): [string, number][] {
  const names = objectives.map((objective) => objective.name);
  for (const name of Object.keys(weights)) {
    if (!names.includes(name))
      throw new Error(`policy.weights.${name}: no such objective; there are ${names.join(", ")}`);
  }
  let sum = 0;
  for (const name of names) {
    const weight = weights[name];
    if (weight === undefined)
      throw new Error(`policy.weights.${name}: missing; give every objective a weight (0 = never trained)`);
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY)) {
      throw new Error(`policy.weights.${name}: ${weight} is not a number of 0 or more`);
    }
    sum += weight;
  }
  if (!(sum > 0 && sum < Number.POSITIVE_INFINITY))
    throw new Error(`policy.weights: their sum is ${sum}; give at least one objective a weight above 0`);
  return names.map((name) => [name, (weights[name] ?? 0) / sum]);
}

function positive(entries: readonly [string, number][]): Record<string, number> {
  return Object.fromEntries(entries.filter(([, weight]) => weight > 0));
}

export function isSft(objective: ObjectiveInfo): boolean {
  return objective.kind === "sft";
}

export function isDpo(objective: ObjectiveInfo): boolean {
  return objective.kind === "dpo";
}
