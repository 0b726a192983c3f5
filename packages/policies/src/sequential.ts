/**
 * Sequential training (Fernando et al., arXiv 2410.15483, Algorithm 1): T_1 steps on one objective, then T_2 on the
 * next; here with any number of stages in any order. It is the baseline that forgets.
 */
import type { Decision, Policy, PolicyState, Stage } from "./policy.js";
import { requireStateOf } from "./state.js";

export class Sequential implements Policy {
  readonly name = "sequential";
  readonly objectives: readonly string[];
  readonly #stages: readonly Stage[];
  readonly #freshOptimizer: boolean;

  /**
   * @param freshOptimizer each stage but the first starts with new optimizer moments, as in the authors' code, whose
   *   stages are separate processes.
   */
  constructor(stages: readonly Stage[], freshOptimizer: boolean) {
    this.objectives = [...new Set(stages.map((stage) => stage.objective))];
    this.#stages = stages;
    this.#freshOptimizer = freshOptimizer;
  }

  probes(): readonly string[] {
    return [];
  }

  decide(step: number): Decision {
    let stageStart = 1;
    for (const { objective, steps } of this.#stages) {
      if (step < stageStart + steps) {
        const weights = { [objective]: 1 };
        const freshOptimizer = this.#freshOptimizer && step === stageStart && step > 1;
        return freshOptimizer ? { weights, freshOptimizer } : { weights };
      }
      stageStart += steps;
    }
    throw new Error(
      `policy.stages: step ${step} is beyond the last stage, which ends at step ${stageStart - 1}; add a stage or lower steps`,
    );
  }

  observe(): void {}

  state(): PolicyState {
    return { name: this.name };
  }

  restore(state: PolicyState): void {
    requireStateOf(this.name, state);
  }
}
