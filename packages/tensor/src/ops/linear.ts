import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { expectSide, matrix } from "./shape.js";

/** y[M,N] = x[M,K] w[N,K]ᵀ + b[N], as torch.nn.functional.linear. */
export function linear(x: Tensor, w: Tensor, b: Tensor | null = null): Tensor {
  const native = x.device.native;
  const [M, K] = matrix("linear", "x", x);
  const [N, inner] = matrix("linear", "w", w);
  expectSide("linear", "the inner side of w", inner, K);
  const y = Tensor.like(x, [M, N]);
  native.linear(x.handle, w.handle, b?.handle ?? 0, 0, y.handle, M, N, K);
  recordBackward(y, [x, w, b], [], (dy) => {
    const dw = gradientOf(w);
    const db = b === null ? null : gradientOf(b);
    if (dw !== null) {
      native.linearBackwardWeight(dy.handle, x.handle, dw.tensor.handle, db?.tensor.handle ?? 0, M, N, K);
    }
    const dx = gradientOf(x);
    if (dx !== null)
      native.linearBackwardInput(dy.handle, w.handle, dx.tensor.handle, M, N, K, dx.accumulate);
  });
  return y;
}
