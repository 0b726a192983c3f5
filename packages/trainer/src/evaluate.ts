/** Losses of all objectives on held-out rows and on a slice of the training rows, their gaps and the ideal distance. */
import type { LanguageModel } from "@outright/models";
import type { BatchResult } from "./batch-result.js";
import type { EvalEvent } from "./events.js";
import type { Objective } from "./objective.js";
import type { Optima } from "./optima.js";

/**
 * gap_i = f_i − f_i* where the optimum is known; ideal distance = √Σ gap² when all are known (paper, section 3).
 */
export function gapsOf(
  losses: Readonly<Record<string, number>>,
  optima: Readonly<Record<string, number>>,
): { gaps?: Record<string, number>; idealDistance?: number } {
  const known = Object.entries(losses).filter(([name]) => optima[name] !== undefined);
  if (known.length === 0) return {};
  const gaps = Object.fromEntries(known.map(([name, loss]) => [name, loss - (optima[name] ?? 0)]));
  if (known.length < Object.keys(losses).length) return { gaps };
  return { gaps, idealDistance: Math.hypot(...Object.values(gaps)) };
}

/** Evaluates every objective that has rows to evaluate on; null when none has. */
export async function evaluateObjectives(
  model: LanguageModel,
  objectives: readonly Objective[],
  step: number,
  optima: Optima,
  tokensPerMicroBatch: number,
  between: (done: number) => Promise<void>,
): Promise<EvalEvent | null> {
  const begun = performance.now();
  const event: EvalEvent = { type: "eval", step, losses: {}, seconds: 0 };
  const onSlice: Record<string, number> = {};
  let done = 0;
  for (const objective of objectives) {
    const { name } = objective;
    const result = objective.heldOut(model, tokensPerMicroBatch);
    if (result !== null) addTo(event, name, result);
    const slice = objective.onSlice(model, tokensPerMicroBatch);
    if (slice !== null) onSlice[name] = slice.loss;
    await between(++done);
  }
  const hasSlice = Object.keys(onSlice).length > 0;
  if (Object.keys(event.losses).length === 0 && !hasSlice) return null;
  Object.assign(event, gapsOf(event.losses, optima.heldout));
  if (hasSlice) event.train = { losses: onSlice, ...gapsOf(onSlice, optima.train) };
  event.seconds = (performance.now() - begun) / 1000;
  return event;
}

function addTo(event: EvalEvent, name: string, { loss, rewards, logps, nll }: BatchResult): void {
  event.losses[name] = loss;
  if (rewards !== undefined) event.rewards = { ...event.rewards, [name]: rewards };
  if (logps !== undefined) event.logps = { ...event.logps, [name]: logps };
  if (nll !== undefined) event.nll = { ...event.nll, [name]: nll };
}
