/** From the run config's `policy` key to a policy. */
import { Alright } from "./alright.js";
import { Maxright } from "./maxright.js";
import { Mix } from "./mix.js";
import type {
  MaxrightConfig,
  ObjectiveInfo,
  Policy,
  PolicyConfig,
  PolicyContext,
  Stage,
  WeightConfig,
} from "./policy.js";
import { Sequential } from "./sequential.js";
import { Single } from "./single.js";
import { isDpo, isSft, resolveWeights } from "./weights.js";

const DEFAULT_DECAY = 0.9;

/** @throws Error of one line that names the key, where config and objectives do not fit together. */
export function createPolicy(config: PolicyConfig, context: PolicyContext): Policy {
  switch (config.name) {
    case "single":
      requireObjective(config.objective, "policy.objective", context.objectives);
      return new Single(config.objective);
    case "sequential":
      return createSequential(config.stages, config.freshOptimizer ?? true, context);
    case "mix":
      return new Mix(resolveWeights(config, context.objectives));
    case "alright": {
      const probabilities = resolveWeights(config, context.objectives);
      return new Alright(probabilities, first(isDpo, probabilities, context.objectives), context.uniform);
    }
    case "maxright":
      return createMaxright(config, context);
    default:
      throw new Error(
        `policy.name: ${JSON.stringify((config as { name: unknown }).name)} is unknown; there are single, sequential, mix, alright, maxright`,
      );
  }
}

function createSequential(stages: readonly Stage[], freshOptimizer: boolean, context: PolicyContext): Policy {
  if (stages.length === 0)
    throw new Error("policy.stages: empty; give at least one stage {objective, steps}");
  let sum = 0;
  for (const [index, stage] of stages.entries()) {
    requireObjective(stage.objective, `policy.stages[${index}].objective`, context.objectives);
    requirePositiveInteger(stage.steps, `policy.stages[${index}].steps`);
    sum += stage.steps;
  }
  if (context.steps > sum) {
    throw new Error(`policy.stages: they sum to ${sum} steps, the run has ${context.steps}; make them agree`);
  }
  return new Sequential(stages, freshOptimizer);
}

function createMaxright(config: WeightConfig & MaxrightConfig, context: PolicyContext): Policy {
  const weights = resolveWeights(config, context.objectives);
  const { every = 1, optima = {}, gaps = "fresh", decay = DEFAULT_DECAY } = config;
  requirePositiveInteger(every, "policy.every");
  if (gaps !== "fresh" && gaps !== "smoothed") {
    throw new Error(`policy.gaps: ${JSON.stringify(gaps)} is unknown; there are fresh, smoothed`);
  }
  if (!(decay >= 0 && decay < 1)) throw new Error(`policy.decay: ${decay} is not in [0, 1)`);
  for (const [name, optimum] of Object.entries(optima)) {
    requireObjective(name, `policy.optima.${name}`, context.objectives);
    if (!Number.isFinite(optimum))
      throw new Error(`policy.optima.${name}: ${optimum} is not a finite number`);
  }
  const tieOrder = first(isSft, weights, context.objectives);
  return new Maxright({ weights, optima, tieOrder, every, gaps, decay });
}

/** The weighted objectives, those of one kind first, else in the order of the config. */
function first(
  ofKind: (objective: ObjectiveInfo) => boolean,
  weights: Readonly<Record<string, number>>,
  objectives: readonly ObjectiveInfo[],
): string[] {
  const weighted = objectives.filter((objective) => Object.hasOwn(weights, objective.name));
  const ordered = [...weighted.filter(ofKind), ...weighted.filter((objective) => !ofKind(objective))];
  return ordered.map((objective) => objective.name);
}

function requireObjective(name: string, key: string, objectives: readonly ObjectiveInfo[]): void {
  if (objectives.some((objective) => objective.name === name)) return;
  const names = objectives.map((objective) => objective.name).join(", ");
  throw new Error(`${key}: no objective is called ${JSON.stringify(name)}; there are ${names || "none"}`);
}

function requirePositiveInteger(value: number, key: string): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${key}: ${value} is not a whole number of 1 or more`);
}
