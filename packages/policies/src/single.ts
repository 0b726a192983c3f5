/** One objective alone: the baseline, and the way f* is found (reference: Fernando et al., arXiv 2410.15483, gap). */
import type { Decision, Policy, PolicyState } from "./policy.js";
import { requireStateOf } from "./state.js";

export class Single implements Policy {
  readonly name = "single";
  readonly objectives: readonly string[];
  readonly #decision: string;

  constructor(objective: string) {
    this.objectives = [objective];
    this.#decision = objective;
  }

  probes(): readonly string[] {
    return [];
  }

  decide(): Decision {
    return { weights: { [this.#decision]: 1 } };
  }

  observe(): void {}

  state(): PolicyState {
    return { name: this.name };
  }

  restore(state: PolicyState): void {
    requireStateOf(this.name, state);
  }
}
