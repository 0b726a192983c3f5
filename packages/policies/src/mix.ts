/**
 * Mix (Fernando et al., arXiv 2410.15483, the joint baseline): every step follows the gradient of
 * lambda f_DPO + (1 - lambda) f_SFT, or of sum_i w_i f_i. Costs a forward and a backward of every objective each step.
 */
import type { Decision, Policy, PolicyState } from "./policy.js";
import { requireStateOf } from "./state.js";

export class Mix implements Policy {
  readonly name = "mix";
  readonly objectives: readonly string[];
  readonly #weights: Readonly<Record<string, number>>;

  /** @param weights positive, with sum 1. */
  constructor(weights: Readonly<Record<string, number>>) {
    this.objectives = Object.keys(weights);
    this.#weights = weights;
  }

  probes(): readonly string[] {
    return [];
  }

  decide(): Decision {
    return { weights: { ...this.#weights } };
  }

  observe(): void {}

  state(): PolicyState {
    return { name: this.name };
  }

  restore(state: PolicyState): void {
    requireStateOf(this.name, state);
  }
}
