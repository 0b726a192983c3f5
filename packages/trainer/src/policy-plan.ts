/** How often each objective can train in a run: what must be known before the first step. */
import { counterRandom } from "@outright/data";
import { createPolicy, type Policy } from "@outright/policies";
import type { RunConfig } from "./config/index.js";

export function runPolicy(config: RunConfig): Policy {
  return createPolicy(config.policy, {
    objectives: Object.entries(config.objectives).map(([name, { kind }]) => ({ name, kind })),
    steps: config.steps,
    uniform: counterRandom(config.seed, "policy"),
  });
}

/**
 * Steps in which each objective takes part: exact for policies that look at no loss (all of their decisions can
 * be asked beforehand), else every step.
 */
export function plannedSteps(config: RunConfig): Record<string, number> {
  const policy = runPolicy(config);
  const counts: Record<string, number> = Object.fromEntries(
    Object.keys(config.objectives).map((name) => [name, 0]),
  );
  for (let step = 1; step <= config.steps; step++) {
    if (policy.probes(step).length > 0) {
      return Object.fromEntries(Object.keys(counts).map((name) => [name, config.steps]));
    }
    const { weights } = policy.decide(step, {});
    for (const [name, weight] of Object.entries(weights))
      if (weight > 0) counts[name] = (counts[name] ?? 0) + 1;
    policy.observe(step, Object.fromEntries(Object.keys(weights).map((name) => [name, 0])));
  }
  return counts;
}
