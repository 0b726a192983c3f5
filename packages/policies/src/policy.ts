/** What a policy is: it says, at each optimizer step, which objective trains or how they are weighted. */

/** Plain JSON, as `JSON.parse` returns it. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** All that a policy remembers between steps; plain JSON, saved in every checkpoint. */
export type PolicyState = { [key: string]: JsonValue };

/** One decision, for one optimizer step. */
export interface Decision {
  /** Objectives trained in this step with their weights in the loss; a single entry of weight 1 = that objective alone. */
  weights: Record<string, number>;
  /** True where the optimizer's moments and its step count start anew before this step. */
  freshOptimizer?: boolean;
  /** The weighted gaps w_i (f_i - f_i*) by which the policy decided, in nats; absent where it looked at none. */
  gaps?: Record<string, number>;
}

/**
 * The order of calls within optimizer step t (1-based) is
 * `probes(t)`, `decide(t, losses of those probes)`, the step itself, `observe(t, losses of the trained objectives)`.
 */
export interface Policy {
  readonly name: string;
  /** Objectives that this policy may train, in the order of the config. */
  readonly objectives: readonly string[];
  /** Objectives whose current loss, on their next batch and before the update, the policy wants for this step. */
  probes(step: number): readonly string[];
  /** @throws Error where a loss asked for by `probes` is missing or not finite. */
  decide(step: number, probed: Readonly<Record<string, number>>): Decision;
  /** Tells the policy the loss of each trained objective on its batch, before the update. */
  observe(step: number, losses: Readonly<Record<string, number>>): void;
  state(): PolicyState;
  /** @throws Error where the state is another policy's, or is damaged. */
  restore(state: PolicyState): void;
}

/** An objective as policies know it: its name in the config and its kind (`sft`, `dpo`). */
export interface ObjectiveInfo {
  name: string;
  kind: string;
}

/** The `policy` key of the run config. */
export type PolicyConfig =
  | { name: "single"; objective: string }
  | { name: "sequential"; stages: readonly Stage[]; freshOptimizer?: boolean | undefined }
  | ({ name: "mix" } & WeightConfig)
  | ({ name: "alright" } & WeightConfig)
  | ({ name: "maxright" } & WeightConfig & MaxrightConfig);

/** Exactly one of the two: `lambda` weighs DPO against SFT, `weights` any number of objectives. */
export interface WeightConfig {
  /** In [0, 1]: the weight of the one `dpo` objective; the one `sft` objective has 1 - lambda. */
  lambda?: number | undefined;
  /** Per objective, >= 0, not all 0; only their ratios count. */
  weights?: Readonly<Record<string, number>> | undefined;
}

export interface MaxrightConfig {
  /** K: all gaps are measured afresh at the steps 1, 1 + K, 1 + 2K, ...; default 1. Without meaning for smoothed gaps. */
  every?: number | undefined;
  /** f_i* per objective in nats; default 0. */
  optima?: Readonly<Record<string, number>> | undefined;
  /** `fresh` (default): gaps of single batches, as in the paper; `smoothed`: of averaged training losses, at no cost. */
  gaps?: "fresh" | "smoothed" | undefined;
  /** Of smoothed gaps: the share of the average that each new loss leaves standing, in [0, 1); default 0.9. */
  decay?: number | undefined;
}

/** A stage of Sequential: this many optimizer steps on one objective. */
export interface Stage {
  objective: string;
  steps: number;
}

/** What a policy must know of the run. */
export interface PolicyContext {
  /** All objectives of the run, in the order of the config. */
  objectives: readonly ObjectiveInfo[];
  /** Optimizer steps of the whole run. */
  steps: number;
  /** Counter-based uniform numbers in [0, 1): the same counter gives the same number, on every rank and after a resume. */
  uniform: (counter: number) => number;
}
