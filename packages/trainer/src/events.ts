/**
 * What a run tells while it goes: each event is one line of `metrics.jsonl`, or progress for people.
 * Losses are per objective name; a loss is a mean (SFT: nats per loss token; preferences: per pair, an NLL term included).
 */

import type { Forecast, Measured } from "./forecast/index.js";

/**
 * Rewards as the objective's loss compares them, means over the pairs of one step or evaluation: β(log π − log π_ref), DPO's
 * implicit rewards; β log π where the loss has no reference; both by token where it is normalised by length.
 */
export interface Rewards {
  chosen: number;
  rejected: number;
  margin: number;
  /** share of pairs whose margin is positive; a margin of exactly 0 counts one half */
  accuracy: number;
}

export interface StartedObjective {
  kind: string;
  /** of a preference objective: the name of its loss */
  loss?: string;
  data: string;
  /** of the file, dropped ones included, but not those that are held out */
  rows: number;
  held: number;
  /** training rows that are evaluated too, where there are any */
  slice?: number;
}

/** First line of metrics.jsonl. */
export interface StartEvent {
  type: "start";
  version: 1;
  model: string;
  objectives: Record<string, StartedObjective>;
  policy: Record<string, unknown>;
  steps: number;
  /** f*: best known loss of each objective on held-out rows, where the config gives one */
  optima: Record<string, number>;
  /** where they come from: "config", or an optima.json */
  optimaFrom?: Record<string, string>;
  /** names what each objective's losses are measured on: rows, loss, reference (`objectiveKey`) */
  keys: Record<string, string>;
  parameters: number;
  /** parameters of the adapters, where only these are trained */
  trainable?: number;
  device: string;
}

export interface StepEvent {
  type: "step";
  /** 1-based */
  step: number;
  /** the objective trained, or names joined by "+" where several were weighted together */
  objective: string;
  weights: Record<string, number>;
  losses: Record<string, number>;
  /** Σ weight · loss */
  loss: number;
  lossTokens: number;
  /** tokens that went through the model, prompts included */
  tokens: number;
  pairs: number;
  lr: number;
  /** global L2 norm before clipping */
  gradNorm: number;
  seconds: number;
  /** weighted gaps the policy decided by, where it has any */
  gaps?: Record<string, number>;
  rewards?: Rewards;
  /** mean sequence log-probs of the answers */
  logps?: { chosen: number; rejected: number };
  /** mean −log-prob of a chosen token, where a preference loss has an NLL term */
  nll?: number;
}

export interface EvalEvent {
  type: "eval";
  /** updates made so far; 0 = the model as it started */
  step: number;
  losses: Record<string, number>;
  /** f_i − f_i*, for objectives whose optimum is known */
  gaps?: Record<string, number>;
  /** √Σ gap², when every optimum is known (paper, section 3) */
  idealDistance?: number;
  rewards?: Record<string, Rewards>;
  logps?: Record<string, { chosen: number; rejected: number }>;
  /** the same losses on a slice of the training rows (`evaluate.trainRows`), and how far they are from the optima known there */
  train?: { losses: Record<string, number>; gaps?: Record<string, number>; idealDistance?: number };
  nll?: Record<string, number>;
  /**
   * KL(base ‖ model) in nats per token, the base being the weights the run started with: on held-out rows of each objective
   * that has any, and as `text` on `evaluate.text`
   */
  kl?: Record<string, number>;
  /** of the whole evaluation */
  seconds: number;
  /** of these, for `kl` */
  klSeconds?: number;
}

export interface EndEvent {
  type: "end";
  step: number;
  reason: "finished" | "stopped";
  seconds: number;
  stepsPerObjective: Record<string, number>;
  /** of all training steps; evaluations, checkpoints and preparation left out */
  training: StepTotals;
  /** most bytes of tensors on the device, and of the whole process */
  peakTensorBytes: number;
  peakRssBytes: number;
}

/** What the training steps of a run took, summed. */
export interface StepTotals {
  seconds: number;
  /** of the processor, over all threads */
  cpuSeconds: number;
  /** threads that compute */
  threads: number;
  tokens: number;
  lossTokens: number;
  pairs: number;
}

/** Progress beside the steps: tokenising (which may go on while they run), reference log-probs; and notes for people. Not written to metrics.jsonl. */
export interface ProgressEvent {
  type: "progress";
  /** e.g. "tokenising alpaca.jsonl" */
  stage: string;
  done: number;
  total: number;
  /** what `done` and `total` count, where they are worth a rate: "rows", "pairs" */
  unit?: string;
}
export interface NoticeEvent {
  type: "notice";
  level: "info" | "warning";
  message: string;
  /** what the run will need, on the notice that tells it */
  forecast?: Forecast;
  /** what it did need, at the end */
  measured?: Measured;
}

export type MetricsLine = StartEvent | StepEvent | EvalEvent | EndEvent;
export type TrainEvent = MetricsLine | ProgressEvent | NoticeEvent;
