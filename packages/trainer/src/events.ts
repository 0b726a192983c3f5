/**
 * What a run tells while it goes: each event is one line of `metrics.jsonl`, or progress for people.
 * Losses are per objective name; a loss is a mean in nats (SFT: per loss token, DPO: per pair).
 */

import type { Forecast, Measured } from "./forecast/index.js";

/** DPO's implicit rewards β(log π − log π_ref), means over the pairs of one step or evaluation. */
export interface Rewards {
  chosen: number;
  rejected: number;
  margin: number;
  /** share of pairs whose margin is positive; a margin of exactly 0 counts one half */
  accuracy: number;
}

/** First line of metrics.jsonl. */
export interface StartEvent {
  type: "start";
  version: 1;
  model: string;
  /** rows: of the file, dropped ones included, but not those that are held out */
  objectives: Record<string, { kind: string; data: string; rows: number; held: number }>;
  policy: Record<string, unknown>;
  steps: number;
  /** f*: best known loss of each objective, where the config gives one */
  optima: Record<string, number>;
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
