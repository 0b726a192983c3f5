/** Held-out losses of all objectives, their gaps and the ideal distance. */
import type { LanguageModel } from "@outright/models";
import type { EvalEvent } from "./events.js";
import type { Objective } from "./objective.js";

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

/** Evaluates every objective that has held-out rows; null when none has. */
export async function evaluateHeldOut(
  model: LanguageModel,
  objectives: readonly Objective[],
  step: number,
  optima: Readonly<Record<string, number>>,
  tokensPerMicroBatch: number,
  between: (done: number) => Promise<void>,
): Promise<EvalEvent | null> {
  const begun = performance.now();
  const event: EvalEvent = { type: "eval", step, losses: {}, seconds: 0 };
  let done = 0;
  for (const objective of objectives) {
    const result = objective.heldOut(model, tokensPerMicroBatch);
    await between(++done);
    if (result === null) continue;
    event.losses[objective.name] = result.loss;
    if (result.rewards !== undefined) event.rewards = { ...event.rewards, [objective.name]: result.rewards };
    if (result.logps !== undefined) event.logps = { ...event.logps, [objective.name]: result.logps };
    if (result.nll !== undefined) event.nll = { ...event.nll, [objective.name]: result.nll };
  }
  if (Object.keys(event.losses).length === 0) return null;
  Object.assign(event, gapsOf(event.losses, optima));
  event.seconds = (performance.now() - begun) / 1000;
  return event;
}
