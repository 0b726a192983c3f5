/**
 * KL(base ‖ trained) = Σ_v p_base(v) (log p_base(v) − log p_trained(v)), in nats, from logits that come block of the
 * vocabulary by block. N positions, V words.
 *
 * This direction weighs each word by what the base would have said: it grows where the trained model no longer gives what
 * the base knew, which is forgetting, and it is finite whatever the trained model gives else. It is also the one that
 * foretells forgetting in "RL's Razor" (Shenfeld et al. 2025). All sums are float64.
 */

import { expOfNegative } from "./exp.js";

/** log Σ_v exp z[n, v] of each position, v coming in blocks. */
export class LogSumExp {
  readonly #max: Float64Array;
  readonly #sum: Float64Array;

  constructor(positions: number) {
    this.#max = new Float64Array(positions).fill(Number.NEGATIVE_INFINITY);
    this.#sum = new Float64Array(positions);
  }

  /** @param logits [N, width] */
  add(logits: Float32Array, width: number): void {
    for (let n = 0; n < this.#max.length; n++) {
      const row = logits.subarray(n * width, (n + 1) * width);
      const before = this.#max[n] as number;
      let max = before;
      for (let v = 0; v < width; v++) if ((row[v] as number) > max) max = row[v] as number;
      let sum = before === max ? (this.#sum[n] as number) : (this.#sum[n] as number) * Math.exp(before - max);
      for (let v = 0; v < width; v++) sum += expOfNegative((row[v] as number) - max);
      this.#max[n] = max;
      this.#sum[n] = sum;
    }
  }

  /** float64[N]; of the same blocks the same bits */
  values(): Float64Array {
    return this.#max.map((max, n) => max + Math.log(this.#sum[n] as number));
  }
}

/** The divergence of each position: Σ p_base (z_base − z_trained) − lse_base + lse_trained. */
export class Divergence {
  readonly #base: Float64Array;
  readonly #trained: LogSumExp;
  readonly #difference: Float64Array;

  /** @param base the base's log Σ exp, float64[N] */
  constructor(base: Float64Array) {
    this.#base = base;
    this.#trained = new LogSumExp(base.length);
    this.#difference = new Float64Array(base.length);
  }

  /** The same block of both. @param base, trained logits [N, width] */
  add(base: Float32Array, trained: Float32Array, width: number): void {
    this.#trained.add(trained, width);
    for (let n = 0; n < this.#base.length; n++) {
      const lse = this.#base[n] as number;
      let sum = this.#difference[n] as number;
      for (let i = n * width; i < (n + 1) * width; i++) {
        const z = base[i] as number;
        sum += expOfNegative(z - lse) * (z - (trained[i] as number));
      }
      this.#difference[n] = sum;
    }
  }

  /** Mean over the positions; exactly 0 where all logits are the same. */
  mean(): number {
    const trained = this.#trained.values();
    let sum = 0;
    this.#base.forEach((lse, n) => {
      sum += (this.#difference[n] as number) + ((trained[n] as number) - lse);
    });
    // never negative but by rounding
    return Math.max(0, sum / this.#base.length);
  }
}

/** One position from all its logits, straight from the formula: the oracle of the above. */
export function klDivergence(base: ArrayLike<number>, trained: ArrayLike<number>): number {
  const logProbs = (logits: ArrayLike<number>) => {
    const max = Math.max(...Array.from(logits));
    const lse = max + Math.log(Array.from(logits).reduce((sum, z) => sum + Math.exp(z - max), 0));
    return Array.from(logits, (z) => z - lse);
  };
  const [p, q] = [logProbs(base), logProbs(trained)];
  return p.reduce((sum, logp, v) => sum + Math.exp(logp) * (logp - (q[v] as number)), 0);
}
