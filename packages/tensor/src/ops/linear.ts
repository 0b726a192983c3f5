import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { passGradient } from "./pass-gradient.js";
import { expectSide, matrix } from "./shape.js";

/**
 * y[M,N] = x[M,K] w[N,K]ᵀ + b[N] + residual[M,N], as torch.nn.functional.linear with a sum in its epilogue.
 * For what is frozen (w, b, x) no product is computed on the way back.
 */
export function linear(
  x: Tensor,
  w: Tensor,
  b: Tensor | null = null,
  residual: Tensor | null = null,
): Tensor {
  const y = linearForward(x, w, b, residual);
  recordBackward(y, [x, w, b, residual], [], (dy) => linearBackward(dy, x, w, b, residual), [x, w]);
  return y;
}

export function linearForward(x: Tensor, w: Tensor, b: Tensor | null, residual: Tensor | null): Tensor {
  const [M, K] = matrix("linear", "x", x);
  const [N, inner] = matrix("linear", "w", w);
  expectSide("linear", "the inner side of w", inner, K);
  if (residual !== null) expectSide("linear", "the number of elements of residual", residual.count, M * N);
  if (b?.requiresGrad === true && !w.requiresGrad) {
    throw new Error("linear: a bias that trains beside a frozen weight is not supported");
  }
  const y = Tensor.like(x, [M, N]);
  x.device.native.linear(x.handle, w.handle, b?.handle ?? 0, residual?.handle ?? 0, y.handle, M, N, K);
  return y;
}

export function linearBackward(
  dy: Tensor,
  x: Tensor,
  w: Tensor,
  b: Tensor | null,
  residual: Tensor | null,
): void {
  const native = x.device.native;
  const [M, K] = matrix("linear", "x", x);
  const [N] = matrix("linear", "w", w);
  const dw = gradientOf(w);
  const db = b === null ? null : gradientOf(b);
  if (dw !== null) {
    native.linearBackwardWeight(dy.handle, x.handle, dw.tensor.handle, db?.tensor.handle ?? 0, M, N, K);
  }
  const dx = gradientOf(x);
  if (dx !== null) native.linearBackwardInput(dy.handle, w.handle, dx.tensor.handle, M, N, K, dx.accumulate);
  if (residual !== null) passGradient(residual, dy);
}

/**
 * y = gelu(x wᵀ + b) in one pass over the product ("exact": u Φ(u); "tanh": its usual approximation), the same bits as
 * `gelu(linear(x, w, b))`.
 */
export function linearGelu(x: Tensor, w: Tensor, b: Tensor | null, form: "exact" | "tanh"): Tensor {
  const { native } = x.device;
  const [M, K] = matrix("linearGelu", "x", x);
  const [N, inner] = matrix("linearGelu", "w", w);
  expectSide("linearGelu", "the inner side of w", inner, K);
  const u = Tensor.like(x, [M, N]);
  const y = Tensor.like(x, [M, N]);
  const tanh = form === "tanh";
  native.linearGelu(x.handle, w.handle, b?.handle ?? 0, u.handle, y.handle, M, N, K, tanh);
  const backward = (dy: Tensor) => {
    using du = Tensor.like(u);
    native.geluBackward(dy.handle, u.handle, du.handle, u.count, tanh, false);
    linearBackward(du, x, w, b, null);
  };
  recordBackward(y, [x, w, b], [u], backward, [x, w]);
  return y;
}
