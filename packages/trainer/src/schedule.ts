import type { ScheduleConfig } from "./config/index.js";

/**
 * Learning rate of optimizer step `step` (1-based) out of `steps`. Warm-up rises linearly and reaches `lr` at step
 * `warmup`; after it `constant` stays, `linear` and `cosine` fall from `lr` at the first step to
 * `minimum` · `lr`, which they would reach one step after the last (as transformers' schedulers do).
 */
export function learningRate(config: ScheduleConfig, lr: number, step: number, steps: number): number {
  const { name, warmup, minimum } = config;
  if (step <= warmup) return (lr * step) / warmup;
  if (name === "constant") return lr;
  const progress = (step - 1 - warmup) / (steps - warmup);
  const share = name === "linear" ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
  return lr * (minimum + (1 - minimum) * share);
}
