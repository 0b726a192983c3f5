import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { expectSide, matrix } from "./shape.js";

/** y = x / √(mean(x²) + eps) · w over the rows of x[T,D] (Zhang and Sennrich 2019). */
export function rmsNorm(x: Tensor, w: Tensor, eps: number): Tensor {
  const native = x.device.native;
  const [T, D] = matrix("rmsNorm", "x", x);
  expectSide("rmsNorm", "the length of w", w.count, D);
  const y = Tensor.like(x, [T, D]);
  const rstd = Tensor.float32(x.device, [T]);
  native.rmsNorm(x.handle, w.handle, y.handle, rstd.handle, T, D, eps);
  recordBackward(
    y,
    [x, w],
    [rstd],
    (dy) => {
      const dx = writable(x);
      const dw = gradientOf(w);
      native.rmsNormBackward(
        dy.handle,
        x.handle,
        w.handle,
        rstd.handle,
        dx.tensor.handle,
        dw?.tensor.handle ?? 0,
        T,
        D,
        dx.accumulate,
      );
    },
    [x, w],
  );
  return y;
}

/** y = (x − mean) / √(var + eps) · w + b over the rows of x[T,D], biased variance (Ba et al. 2016). */
export function layerNorm(x: Tensor, w: Tensor, b: Tensor, eps: number): Tensor {
  const native = x.device.native;
  const [T, D] = matrix("layerNorm", "x", x);
  expectSide("layerNorm", "the length of w", w.count, D);
  expectSide("layerNorm", "the length of b", b.count, D);
  const y = Tensor.like(x, [T, D]);
  const mean = Tensor.float32(x.device, [T]);
  const rstd = Tensor.float32(x.device, [T]);
  native.layerNorm(x.handle, w.handle, b.handle, y.handle, mean.handle, rstd.handle, T, D, eps);
  recordBackward(
    y,
    [x, w, b],
    [mean, rstd],
    (dy) => {
      const dx = writable(x);
      const dw = gradientOf(w);
      const db = gradientOf(b);
      native.layerNormBackward(
        dy.handle,
        x.handle,
        w.handle,
        mean.handle,
        rstd.handle,
        dx.tensor.handle,
        dw?.tensor.handle ?? 0,
        db?.tensor.handle ?? 0,
        T,
        D,
        dx.accumulate,
      );
    },
    [x, w],
  );
  return y;
}

/** The input's gradient is always written; one that nobody wants goes to a buffer that is dropped. */
function writable(input: Tensor): { tensor: Tensor; accumulate: boolean } {
  return gradientOf(input) ?? { tensor: Tensor.like(input), accumulate: false };
}
