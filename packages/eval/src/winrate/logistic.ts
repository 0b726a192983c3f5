/** Logistic regression by Newton's method. */

/**
 * Finds β that minimises −Σ [y log σ(x·β) + (1 − y) log(1 − σ(x·β))] + ridge/2 · |β|². Without an intercept: give a column
 * of ones for one; it is held by the ridge like any other.
 *
 * @param x [n][k] features; @param y [n] targets from 0 to 1, whole or not
 * @param ridge above 0: it keeps β finite where the targets can be told apart without an error
 * @returns β [k], where no element of the gradient is above 1e-9 · n
 */
export function fitLogistic(
  x: readonly (readonly number[])[],
  y: readonly number[],
  ridge: number,
): number[] {
  const k = x[0]?.length ?? 0;
  let beta = new Array<number>(k).fill(0);
  let loss = penalisedLoss(x, y, ridge, beta);
  for (let iteration = 0; iteration < 100; iteration++) {
    const { gradient, hessian } = derivatives(x, y, ridge, beta);
    if (gradient.every((g) => Math.abs(g) <= 1e-9 * x.length)) return beta;
    const step = solve(hessian, gradient);
    // A whole step may go too far where targets are nearly separable; the loss is convex, so a part of it never does. (Near the end
    // two losses differ by rounding alone.)
    for (let share = 1; ; share /= 2) {
      const tried = beta.map((value, j) => value - share * (step[j] as number));
      const triedLoss = penalisedLoss(x, y, ridge, tried);
      if (triedLoss <= loss * (1 + 1e-12) || share < 1e-10) {
        beta = tried;
        loss = triedLoss;
        break;
      }
    }
  }
  return beta;
}

export function sigmoid(z: number): number {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z));
}

function penalisedLoss(
  x: readonly (readonly number[])[],
  y: readonly number[],
  ridge: number,
  beta: readonly number[],
): number {
  let loss = (ridge / 2) * dot(beta, beta);
  x.forEach((row, i) => {
    const z = dot(row, beta);
    // log(1 + eᶻ) − y z, without overflow
    loss += Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - (y[i] as number) * z;
  });
  return loss;
}

function derivatives(
  x: readonly (readonly number[])[],
  y: readonly number[],
  ridge: number,
  beta: readonly number[],
): { gradient: number[]; hessian: number[][] } {
  const gradient = beta.map((value) => ridge * value);
  const hessian = beta.map((_, a) => beta.map((_, b) => (a === b ? ridge : 0)));
  x.forEach((row, i) => {
    const p = sigmoid(dot(row, beta));
    row.forEach((value, a) => {
      gradient[a] = (gradient[a] as number) + (p - (y[i] as number)) * value;
      const line = hessian[a] as number[];
      row.forEach((other, b) => {
        line[b] = (line[b] as number) + p * (1 - p) * value * other;
      });
    });
  });
  return { gradient, hessian };
}

/** Solves A v = b by Gaussian elimination with the largest pivot; A is k × k and positive definite. */
function solve(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const k = b.length;
  const rows = a.map((row, i) => [...row, b[i] as number]);
  const at = (i: number, j: number) => (rows[i] as number[])[j] as number;
  for (let column = 0; column < k; column++) {
    let pivot = column;
    for (let i = column + 1; i < k; i++) if (Math.abs(at(i, column)) > Math.abs(at(pivot, column))) pivot = i;
    [rows[column], rows[pivot]] = [rows[pivot] as number[], rows[column] as number[]];
    for (let i = column + 1; i < k; i++) {
      const factor = at(i, column) / at(column, column);
      for (let j = column; j <= k; j++) (rows[i] as number[])[j] = at(i, j) - factor * at(column, j);
    }
  }
  const v = new Array<number>(k).fill(0);
  for (let i = k - 1; i >= 0; i--) {
    let rest = at(i, k);
    for (let j = i + 1; j < k; j++) rest -= at(i, j) * (v[j] as number);
    v[i] = rest / at(i, i);
  }
  return v;
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j] as number) * (b[j] as number);
  return sum;
}
