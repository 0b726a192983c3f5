/** Functions of the logistic family, without overflow for any argument. */

/** σ(m) = 1 / (1 + e^−m) */
export function sigmoid(m: number): number {
  return 1 / (1 + Math.exp(-m));
}

/** log σ(m), without overflow for any m. */
export function logSigmoid(m: number): number {
  return Math.min(m, 0) - Math.log1p(Math.exp(-Math.abs(m)));
}
