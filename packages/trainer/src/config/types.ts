/**
 * The run config after parsing: every default filled in, every path absolute, every cross-check done.
 * What a person may write instead is `RunConfigInput` (input.ts); the schema with its descriptions is schema.ts.
 */
import type { PreferenceLoss } from "@outright/objectives";

export type SftFormat = "alpaca" | "prompt-response" | "messages" | "text";
export type DpoFormat = "pairs" | "hh";
export type Template = "plain" | "clean" | "alpaca" | "paper" | "chat";
export type BoundaryRule = "separate" | "joint";
export type TruncateRule = "error" | "drop" | "prompt-left" | "response-right";
export type IdenticalPairsRule = "drop" | "keep" | "error";

interface ObjectiveBase {
  /** absolute path of the training file */
  data: string;
  /** absolute path of a separate held-out file; where present, nothing is held out of `data` */
  heldout?: string;
  template: Template;
  boundary: BoundaryRule;
  /** examples (pairs, for dpo) per optimizer step */
  batch: number;
}

export interface SftObjectiveConfig extends ObjectiveBase {
  kind: "sft";
  format: SftFormat;
  loss: "token-mean" | "example-mean";
}

export type DpoObjectiveConfig = ObjectiveBase & {
  kind: "dpo";
  format: DpoFormat;
  /** "initial" (the run's own initial weights), or the absolute path of a model directory; absent where the loss has none */
  reference?: string;
  identicalPairs: IdenticalPairsRule;
} & PreferenceLoss;

export type ObjectiveConfig = SftObjectiveConfig | DpoObjectiveConfig;

/** Exactly one of `lambda` (weight of the dpo objective, 1 − lambda of the sft one) and `weights` is present. */
interface Balance {
  lambda?: number;
  /** non-negative, one for each objective; normalised by the policy */
  weights?: Record<string, number>;
}

export interface SinglePolicyConfig {
  name: "single";
  objective: string;
}
export interface MixPolicyConfig extends Balance {
  name: "mix";
  /** apart: each objective's backward pass follows its forward pass; together: all forward passes come first, as in the paper */
  backward: "apart" | "together";
}
export interface AlrightPolicyConfig extends Balance {
  name: "alright";
}
export interface MaxrightPolicyConfig extends Balance {
  name: "maxright";
  /** K: steps between refreshes of all gaps */
  every: number;
  /** f* by objective; the objectives that are not named count as 0 */
  optima: Record<string, number>;
  gaps: "fresh" | "smoothed";
}
export interface SequentialPolicyConfig {
  name: "sequential";
  stages: { objective: string; steps: number }[];
  /** moments and step count start anew at each stage's start */
  freshOptimizer: boolean;
}
export type RunPolicyConfig =
  | SinglePolicyConfig
  | MixPolicyConfig
  | AlrightPolicyConfig
  | MaxrightPolicyConfig
  | SequentialPolicyConfig;

export interface OptimizerConfig {
  name: "adamw";
  lr: number;
  betas: [number, number];
  eps: number;
  weightDecay: number;
  /** global gradient norm above which gradients are scaled down; 0 = no clipping */
  clip: number;
  /** of bfloat16 weights: whether float32 masters are kept (default); else updates are rounded stochastically */
  masters?: boolean;
}

export interface ScheduleConfig {
  name: "constant" | "linear" | "cosine";
  /** steps of linear warm-up from 0 */
  warmup: number;
  /** share of `lr` that linear and cosine end at, in [0, 1]; constant ignores it */
  minimum: number;
}

/** Low-rank adapters: new ones, or those of a directory. Names as in peft. */
export type LoraConfig = {
  /** whether the merged weights are saved too, in `model/` */
  merge: boolean;
} & (
  | { rank: number; alpha: number; dropout: number; targets: string | string[] }
  | {
      /** absolute path of an adapter directory in peft's format */
      from: string;
      /** in place of the adapter's own */
      dropout?: number;
    }
);

/** f* of an objective: the best loss that training on it alone reaches, in nats. */
export interface KnownOptimum {
  heldout: number;
  /** on the slice of training rows that `evaluate.trainRows` evaluates */
  train?: number;
  /** "config", or the optima.json it was read from */
  from: string;
  /** names what it was measured on: `objectiveKey` */
  key?: string;
}

/** A run ends at the first step with which so much is spent, or after `steps`. */
export type Budget = { tokens: number } | { seconds: number };

export interface RunConfig {
  version: 1;
  /** absolute path of a Hugging Face directory, or of an adapter directory in peft's format */
  model: string;
  init: "pretrained" | "random";
  /** "auto", "cpu", "cuda" or "cuda:N" */
  device: string;
  /** of weights and activations; statistics, losses, moments and what the optimizer updates are float32 always */
  dtype: "float32" | "bfloat16";
  /** 0 = one per physical core */
  threads: number;
  seed: number;
  /** absent: all parameters are trained */
  lora?: LoraConfig;
  /** in the order written */
  objectives: Record<string, ObjectiveConfig>;
  policy: RunPolicyConfig;
  /** by objective; gaps and the ideal distance are told where they are known */
  optima?: Record<string, KnownOptimum>;
  steps: number;
  budget?: Budget;
  /** most tokens of one example, its prompt and EOS included (a pair: of each answer with the prompt) */
  maxLength: number;
  truncate: TruncateRule;
  tokensPerMicroBatch: number | "auto";
  /** what the backward pass computes again instead of keeping it */
  recompute: "none" | "attention" | "block";
  /** most MiB that the head keeps from its forward to its backward pass */
  headCache: number;
  order: "shuffle" | "file";
  optimizer: OptimizerConfig;
  schedule: ScheduleConfig;
  evaluate: {
    /** steps between evaluations; 0 = only before the first and after the last step */
    every: number;
    /** most held-out rows of each objective that are evaluated */
    rows: number;
    /** share of `data` held out where an objective has no `heldout` file, in [0, 1) */
    holdout: number;
    /** which rows are held out is drawn from this seed; absent: from `seed` */
    splitSeed?: number;
    /** training rows of each objective that are evaluated too, the first of the file; 0 = none */
    trainRows: number;
    /** most loss tokens of each objective's held-out rows, and of `text`, on which KL(base ‖ trained) is measured; 0 = none */
    kl: number;
    /** absolute path of a file of plain text on which it is measured too */
    text?: string;
  };
  checkpoint: {
    /** steps between checkpoints; 0 = only at the end and when stopped */
    every: number;
    keep: number;
  };
  /** absolute path of the run's directory */
  out: string;
}
