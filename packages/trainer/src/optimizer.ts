/** AdamW with one global gradient norm; its moments are saved with every checkpoint. */

import type { Parameter } from "@outright/tensor";
import { adamWClipped, keep, Tensor } from "@outright/tensor";
import type { OptimizerConfig } from "./config/index.js";

export class AdamW {
  readonly #parameters: readonly Parameter[];
  readonly #config: OptimizerConfig;
  readonly #seed: number;
  readonly m: readonly Tensor[];
  readonly v: readonly Tensor[];
  #gradientsStay: "no" | "from now on" | "yes" = "no";
  /** updates made with the present moments */
  updates = 0;

  /** @param seed of stochastic rounding, which bfloat16 parameters without a float32 master get */
  constructor(parameters: readonly Parameter[], config: OptimizerConfig, seed = 0) {
    this.#seed = seed;
    this.#parameters = parameters;
    this.#config = config;
    const zeros = () => parameters.map((parameter) => keep(Tensor.zeros(parameter.device, parameter.shape)));
    this.m = zeros();
    this.v = zeros();
  }

  /**
   * Frees them, so that between updates their memory serves the activations. Those of steps that sum up several passes
   * stay: they would stand beside the activations of the second pass anyway, and then had better lie below all of them.
   */
  zeroGradients(): void {
    if (this.#gradientsStay === "yes") {
      for (const parameter of this.#parameters) parameter.gradient().fill(0);
      return;
    }
    for (const parameter of this.#parameters) parameter.freeGradient();
    if (this.#gradientsStay === "from now on") {
      for (const parameter of this.#parameters) parameter.gradient("low");
      this.#gradientsStay = "yes";
    }
  }

  /** Says that steps sum up the gradients of several passes. */
  keepGradients(): void {
    if (this.#gradientsStay === "no") this.#gradientsStay = "from now on";
  }

  /**
   * One update; gradients are scaled down to the norm `clip` first, as torch.nn.utils.clip_grad_norm_ does.
   * They are freed afterwards, unless they stay.
   * @returns the global L2 norm of the gradients before clipping; where it is not finite nothing was updated
   */
  update(lr: number): number {
    const { betas, eps, weightDecay, clip } = this.#config;
    const norm = adamWClipped(
      {
        parameters: this.#parameters,
        masters: this.#parameters.map(({ master }) => master),
        gradients: this.#gradients(),
        m: this.m,
        v: this.v,
      },
      {
        lr,
        beta1: betas[0],
        beta2: betas[1],
        eps,
        weightDecay,
        step: this.updates + 1,
        gradScale: 1,
        seed: this.#seed,
      },
      clip,
    );
    if (Number.isFinite(norm)) this.updates++;
    if (this.#gradientsStay !== "yes") this.zeroGradients();
    return norm;
  }

  /** Forgets the moments, as at the start of a stage of Sequential. */
  reset(): void {
    this.updates = 0;
    for (const moment of [...this.m, ...this.v]) moment.fill(0);
  }

  dispose(): void {
    for (const moment of [...this.m, ...this.v]) moment.dispose();
  }

  #gradients(): Tensor[] {
    return this.#parameters.map((parameter) => parameter.gradient());
  }
}
