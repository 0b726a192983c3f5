/**
 * MAXRIGHT (Fernando et al., arXiv 2410.15483, Algorithm 3): each step trains the objective with the largest weighted
 * gap w_i (f_i - f_i*), where w is lambda for DPO and 1 - lambda for SFT. It steers towards equal weighted gaps, a
 * min-max (Chebyshev) point, not the minimiser of the weighted sum that Mix and ALRIGHT aim at.
 *
 * As in the paper's memory-efficient variant, all gaps are measured together only every K steps (at 1, 1 + K, ...); in
 * between they are stale, but for that of the objective just trained, which its own step's loss before the update
 * renews. Ties go to SFT, as in the authors' code (argmax over [SFT, DPO]); the paper's text gives them to DPO.
 * K counts global steps here, steps of an epoch there. Gaps may be negative where a loss is below its f*.
 *
 * Smoothed gaps are our own: each f_i is an exponential moving average of that objective's training losses, begun by
 * one measurement of all at step 1, so that no later step costs an extra forward pass.
 */
import type { Decision, Policy, PolicyState } from "./policy.js";
import { requireStateOf } from "./state.js";

export interface MaxrightOptions {
  /** Positive, with sum 1. */
  weights: Readonly<Record<string, number>>;
  /** f_i* in nats; 0 where absent. */
  optima: Readonly<Record<string, number>>;
  /** The objectives in the order that ties prefer: `sft` first. */
  tieOrder: readonly string[];
  /** K >= 1. */
  every: number;
  gaps: "fresh" | "smoothed";
  /** Of the moving average, in [0, 1). */
  decay: number;
}

export class Maxright implements Policy {
  readonly name = "maxright";
  readonly objectives: readonly string[];
  readonly #options: MaxrightOptions;
  /** Our latest knowledge of each f_i, in nats; an objective is absent until it was measured. */
  #losses = new Map<string, number>();

  constructor(options: MaxrightOptions) {
    this.objectives = Object.keys(options.weights);
    this.#options = options;
  }

  probes(step: number): readonly string[] {
    const { gaps, every } = this.#options;
    const refresh = gaps === "fresh" && (step - 1) % every === 0;
    return refresh ? this.objectives : this.objectives.filter((objective) => !this.#losses.has(objective));
  }

  decide(step: number, probed: Readonly<Record<string, number>>): Decision {
    for (const objective of this.probes(step)) {
      this.#losses.set(objective, finiteLoss(probed[objective], objective, step));
    }
    const gaps: Record<string, number> = {};
    let chosen = "";
    let largest = Number.NEGATIVE_INFINITY;
    for (const objective of this.#options.tieOrder) {
      const gap = this.#weightedGap(objective);
      gaps[objective] = gap;
      if (gap > largest) {
        largest = gap;
        chosen = objective;
      }
    }
    return { weights: { [chosen]: 1 }, gaps };
  }

  /** w_i (f_i - f_i*) from the latest known f_i. */
  #weightedGap(objective: string): number {
    const { weights, optima } = this.#options;
    return (weights[objective] ?? 0) * ((this.#losses.get(objective) ?? 0) - (optima[objective] ?? 0));
  }

  observe(step: number, losses: Readonly<Record<string, number>>): void {
    for (const objective of this.objectives) {
      if (losses[objective] === undefined) continue; // not trained in this step: its gap stays stale
      const loss = finiteLoss(losses[objective], objective, step);
      const known = this.#losses.get(objective) ?? loss;
      const { gaps, decay } = this.#options;
      this.#losses.set(objective, gaps === "fresh" ? loss : decay * known + (1 - decay) * loss);
    }
  }

  state(): PolicyState {
    return { name: this.name, losses: Object.fromEntries(this.#losses) };
  }

  restore(state: PolicyState): void {
    requireStateOf(this.name, state);
    const { losses } = state;
    if (losses === null || typeof losses !== "object" || Array.isArray(losses)) {
      throw new Error("policy: the saved state of maxright has no losses; resume from another checkpoint");
    }
    const restored = new Map<string, number>();
    for (const [objective, loss] of Object.entries(losses)) {
      if (!this.objectives.includes(objective) || typeof loss !== "number") {
        throw new Error(
          `policy: the saved state of maxright has a loss of "${objective}" that this run cannot use; resume with the config the run began with`,
        );
      }
      restored.set(objective, loss);
    }
    this.#losses = restored;
  }
}

function finiteLoss(loss: number | undefined, objective: string, step: number): number {
  if (loss === undefined)
    throw new Error(`policy maxright: the loss of "${objective}" was not measured at step ${step}`);
  if (Number.isFinite(loss)) return loss;
  throw new Error(
    `policy maxright: the loss of "${objective}" is ${loss} at step ${step}, so gaps cannot be compared; lower the learning rate or look at its data`,
  );
}
