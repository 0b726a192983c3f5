/** One optimizer step: what the policy decides, gradients of the chosen batches, one update. */
import { scope } from "@outright/tensor";
import type { BatchResult } from "./batch-result.js";
import type { RunConfig } from "./config/index.js";
import type { StepEvent } from "./events.js";
import { dropoutSeeds } from "./lora.js";
import type { Objective } from "./objective.js";
import type { Trained } from "./run-state.js";
import { learningRate } from "./schedule.js";
import { microBatchTokens } from "./tokens.js";

/** What a step reads of the run's config. */
export type StepSettings = Pick<
  RunConfig,
  "tokensPerMicroBatch" | "schedule" | "optimizer" | "steps" | "seed"
> &
  Partial<Pick<RunConfig, "policy">>;

/** @param step 1-based. @throws when a loss or the gradient is not finite; the weights are then unchanged */
export function trainStep(trained: Trained, config: StepSettings, step: number): StepEvent {
  const begun = performance.now();
  const { model, optimizer, policy } = trained;
  const tokensPerMicroBatch = microBatchTokens(config.tokensPerMicroBatch, model.device);
  const objectives = new Map(trained.objectives.map((objective) => [objective.name, objective]));
  const named = (name: string) => objectives.get(name) as Objective;

  const probed: Record<string, number> = {};
  for (const name of policy.probes(step)) {
    probed[name] = named(name).nextBatch(model, { weight: 1, train: false, tokensPerMicroBatch }).loss;
  }
  const decision = policy.decide(step, probed);
  const weights = Object.fromEntries(Object.entries(decision.weights).filter(([, weight]) => weight > 0));
  if (decision.freshOptimizer === true) optimizer.reset();

  optimizer.zeroGradients();
  const results: Record<string, BatchResult> = {};
  const rows: Record<string, number[]> = {};
  const passes = (later?: (() => void)[]): void => {
    for (const [name, weight] of Object.entries(weights)) {
      rows[name] = named(name).nextRows();
      const dropout = (microBatch: number) => dropoutSeeds(config.seed, step, name, microBatch);
      const options = { weight, train: true, tokensPerMicroBatch, dropout };
      results[name] = named(name).nextBatch(model, later === undefined ? options : { ...options, later });
    }
  };
  if (config.policy?.name === "mix" && config.policy.backward === "together") oneBackwardPass(passes);
  else passes();
  const microBatches = Object.values(results).map(({ tokens }) => Math.ceil(tokens / tokensPerMicroBatch));
  if (microBatches.reduce((sum, count) => sum + count, 0) > 1) optimizer.keepGradients();
  const lr = learningRate(config.schedule, config.optimizer.lr, step, config.steps);
  // The one wait of a step: losses have arrived when the norm has. Where one of them is not finite the update was not made.
  const gradNorm = optimizer.update(lr);
  refuseLosses(step, results, rows);
  refuseNorm(step, rows, gradNorm);

  const losses = Object.fromEntries(Object.entries(results).map(([name, { loss }]) => [name, loss]));
  policy.observe(step, losses);
  return summarise(step, weights, results, {
    lr,
    gradNorm,
    seconds: (performance.now() - begun) / 1000,
    ...(decision.gaps === undefined ? {} : { gaps: decision.gaps }),
  });
}

/**
 * All forward passes, then one backward pass through them, as the paper's Mix does it: the gradient is the same to the bit, and
 * the activations of all micro-batches are held at once.
 */
function oneBackwardPass(passes: (later: (() => void)[]) => void): void {
  scope(() => {
    const later: (() => void)[] = [];
    passes(later);
    for (const backward of later) backward();
  });
}

function summarise(
  step: number,
  weights: Record<string, number>,
  results: Record<string, BatchResult>,
  rest: Pick<StepEvent, "lr" | "gradNorm" | "seconds" | "gaps">,
): StepEvent {
  const all = Object.values(results);
  const sum = (of: (result: BatchResult) => number) => all.reduce((total, result) => total + of(result), 0);
  const losses = Object.fromEntries(Object.entries(results).map(([name, { loss }]) => [name, loss]));
  const preference = all.find((result) => result.rewards !== undefined);
  return {
    type: "step",
    step,
    objective: Object.keys(weights).join("+"),
    weights,
    losses,
    loss: Object.entries(weights).reduce((total, [name, weight]) => total + weight * (losses[name] ?? 0), 0),
    lossTokens: sum((result) => result.lossTokens),
    tokens: sum((result) => result.tokens),
    pairs: sum((result) => result.pairs),
    ...rest,
    ...(preference?.rewards === undefined ? {} : { rewards: preference.rewards }),
    ...(preference?.logps === undefined ? {} : { logps: preference.logps }),
    ...(preference?.nll === undefined ? {} : { nll: preference.nll }),
  };
}

const ADVICE = "look at these rows, or lower optimizer.lr";

function refuseLosses(
  step: number,
  results: Record<string, BatchResult>,
  rows: Record<string, number[]>,
): void {
  for (const [name, { loss }] of Object.entries(results)) {
    if (!Number.isFinite(loss)) {
      throw new Error(
        `step ${step}: the loss of objective "${name}" is ${loss} on rows ${rows[name]?.join(", ")}; ${ADVICE}`,
      );
    }
  }
}

/** The update was not made then. */
function refuseNorm(step: number, rows: Record<string, number[]>, gradNorm: number): void {
  if (Number.isFinite(gradNorm)) return;
  const where = Object.entries(rows)
    .map(([name, list]) => `${name} rows ${list.join(", ")}`)
    .join("; ");
  throw new Error(`step ${step}: the gradient norm is ${gradNorm} (${where}); ${ADVICE}`);
}
