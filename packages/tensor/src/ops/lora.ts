import { scope } from "../scope.js";
import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { linearBackward, linearForward } from "./linear.js";
import { expectSide, matrix } from "./shape.js";

/** A low-rank adapter of a linear layer w[N,K]: a[R,K] and b[N,R]. */
export interface LowRank {
  a: Tensor;
  b: Tensor;
  /** multiplies b a: alpha / rank */
  scale: number;
  /** of the adapter's input: probability, and what the bits are drawn from; null where nothing is dropped */
  dropout: { p: number; seed: number } | null;
}

/**
 * y = x wᵀ + bias + residual + scale · (drop(x) aᵀ) bᵀ (Hu et al. 2021, "LoRA"), x[M,K], y[M,N].
 * The second part is added onto the first in place, so that beside a plain linear layer only the [M,R] between a and b
 * stays for the backward pass; dropped inputs are made again there from the same seed. With b = 0 this is `linear`,
 * bit for bit.
 */
export function adaptedLinear(
  x: Tensor,
  w: Tensor,
  bias: Tensor | null,
  { a, b, scale, dropout }: LowRank,
  residual: Tensor | null = null,
): Tensor {
  const native = x.device.native;
  const [M, K] = matrix("adaptedLinear", "x", x);
  const [N] = matrix("adaptedLinear", "w", w);
  const [R, inner] = matrix("adaptedLinear", "a", a);
  expectSide("adaptedLinear", "the inner side of a", inner, K);
  expectSide("adaptedLinear", "the number of elements of b", b.count, N * R);

  const y = linearForward(x, w, bias, residual);
  const h = dropped(x, dropout, (input) => linearForward(input, a, null, null));
  if (scale !== 1) native.scale(h.handle, scale, h.count);
  native.linear(h.handle, b.handle, 0, y.handle, y.handle, M, N, R);

  const backward = (dy: Tensor) => {
    linearBackward(dy, x, w, bias, residual);
    const db = gradientOf(b);
    if (db !== null) native.linearBackwardWeight(dy.handle, h.handle, db.tensor.handle, 0, M, N, R);
    const da = gradientOf(a);
    const dx = gradientOf(x);
    if (da === null && dx === null) return;

    using dh = Tensor.like(h);
    native.linearBackwardInput(dy.handle, b.handle, dh.handle, M, N, R, false);
    if (scale !== 1) native.scale(dh.handle, scale, dh.count);
    if (da !== null) {
      dropped(x, dropout, (input) =>
        native.linearBackwardWeight(dh.handle, input.handle, da.tensor.handle, 0, M, R, K),
      );
    }
    if (dx === null) return;
    if (dropout === null) {
      native.linearBackwardInput(dh.handle, a.handle, dx.tensor.handle, M, R, K, true);
      return;
    }
    using part = Tensor.like(x);
    native.linearBackwardInput(dh.handle, a.handle, part.handle, M, R, K, false);
    native.dropout(part.handle, dx.tensor.handle, part.count, dropout.p, dropout.seed, true);
  };
  recordBackward(y, [x, w, bias, residual, a, b], [h], backward, [x, w, a, b]);
  return y;
}

/** Runs `body` with drop(x), which lives no longer. */
function dropped<R>(x: Tensor, dropout: LowRank["dropout"], body: (input: Tensor) => R): R {
  if (dropout === null) return body(x);
  using input = Tensor.like(x);
  x.device.native.dropout(x.handle, input.handle, x.count, dropout.p, dropout.seed, false);
  return body(input);
}

/**
 * w[N,K] + scale · b[N,R] a[R,K] as float32, added in float32 whatever w is stored in. Nothing is recorded, w stays.
 */
export function mergeLowRank(w: Tensor, { a, b, scale }: Omit<LowRank, "dropout">): Float32Array {
  const { device } = w;
  const [N, K] = matrix("mergeLowRank", "w", w);
  const [R, inner] = matrix("mergeLowRank", "a", a);
  expectSide("mergeLowRank", "the inner side of a", inner, K);
  expectSide("mergeLowRank", "the number of elements of b", b.count, N * R);
  const values = b.toFloat32();
  const columns = new Float32Array(values.length);
  for (let n = 0; n < N; n++)
    for (let r = 0; r < R; r++) columns[r * N + n] = scale * (values[n * R + r] as number);
  return scope(() => {
    const sum = Tensor.from(device, w.toFloat32(), [N, K]);
    const scaledColumns = Tensor.from(device, columns, [R, N]);
    const rows = Tensor.from(device, a.toFloat32(), [R, K]);
    // the product of a weight's gradient, dyᵀ x added onto dw, is the one that is needed here
    device.native.linearBackwardWeight(scaledColumns.handle, rows.handle, sum.handle, 0, R, N, K);
    return sum.toFloat32();
  });
}
