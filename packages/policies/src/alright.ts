/**
 * ALRIGHT (Fernando et al., arXiv 2410.15483, Algorithm 2): each step draws i_t ~ Bernoulli(lambda) and takes one DPO
 * step where i_t = 1, one SFT step where i_t = 0. The loss stays unweighted: the coin makes its gradient an unbiased
 * estimate of that of lambda f_DPO + (1 - lambda) f_SFT. With n objectives, objective i is drawn with probability w_i.
 *
 * The coin of step t is a function of t alone, so all ranks agree without a broadcast and a resumed run draws the same.
 */
import type { Decision, Policy, PolicyState } from "./policy.js";
import { requireStateOf } from "./state.js";

export class Alright implements Policy {
  readonly name = "alright";
  readonly objectives: readonly string[];
  readonly #drawOrder: readonly string[];
  readonly #probabilities: Readonly<Record<string, number>>;
  readonly #uniform: (counter: number) => number;

  /**
   * @param probabilities positive, with sum 1.
   * @param drawOrder the same objectives in the order that [0, 1) is divided among them: `dpo` first, so that
   *   u < lambda means DPO.
   */
  constructor(
    probabilities: Readonly<Record<string, number>>,
    drawOrder: readonly string[],
    uniform: (counter: number) => number,
  ) {
    this.objectives = Object.keys(probabilities);
    this.#drawOrder = drawOrder;
    this.#probabilities = probabilities;
    this.#uniform = uniform;
  }

  probes(): readonly string[] {
    return [];
  }

  decide(step: number): Decision {
    return { weights: { [this.#draw(this.#uniform(step))]: 1 } };
  }

  /** The objective on whose part of [0, 1) the number falls; the last one takes what rounding leaves over. */
  #draw(uniform: number): string {
    let drawn = "";
    let upper = 0;
    for (drawn of this.#drawOrder) {
      upper += this.#probabilities[drawn] ?? 0;
      if (uniform < upper) break;
    }
    return drawn;
  }

  observe(): void {}

  state(): PolicyState {
    return { name: this.name };
  }

  restore(state: PolicyState): void {
    requireStateOf(this.name, state);
  }
}
