/** All decisions of a policy that looks at no loss, asked beforehand: they are the same for every instance. */
import type { Policy } from "@outright/policies";
import type { ObjectiveName } from "./descent.js";

/** Per step: SFT or DPO, and whether the step size starts anew. */
export type Choices = Uint8Array;
export const DPO = 1;
export const FRESH = 2;

/** Steps on one objective; the step size begins at t = 1 in the first stretch and in those that are fresh. */
export interface Stretch {
  objective: ObjectiveName;
  steps: number;
  fresh: boolean;
}

/** @throws Error where the policy needs losses to decide, or trains both objectives in one step. */
export function choices(policy: Policy, steps: number): Choices {
  const chosen = new Uint8Array(steps);
  for (let step = 1; step <= steps; step++) {
    if (policy.probes(step).length > 0) {
      throw new Error(`theory: ${policy.name} decides by losses, so its choices cannot be asked beforehand`);
    }
    const { weights, freshOptimizer } = policy.decide(step, {});
    const isDpo = weights["dpo"] === 1;
    if (!isDpo && weights["sft"] !== 1) {
      throw new Error(`theory: ${policy.name} trains no single objective at step ${step}`);
    }
    chosen[step - 1] = (isDpo ? DPO : 0) | (freshOptimizer === true ? FRESH : 0);
  }
  return chosen;
}

/** Choices as runs of equal ones. */
export function stretches(chosen: Choices): Stretch[] {
  const found: Stretch[] = [];
  for (const choice of chosen) {
    const objective = (choice & DPO) === 0 ? "sft" : "dpo";
    const fresh = (choice & FRESH) !== 0;
    const last = found.at(-1);
    if (last === undefined || fresh || last.objective !== objective)
      found.push({ objective, steps: 1, fresh });
    else last.steps += 1;
  }
  return found;
}
