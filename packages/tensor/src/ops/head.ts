import { gradientOf, isRecording, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { expectSide, matrix } from "./shape.js";

/**
 * The log-prob head, the one contract that serves every objective (design section 4):
 * logp[n] = log softmax(h[n] wᵀ)[targets[n]] for h[N,D], w[V,D], without ever storing the N×V logits.
 * Its gradient is g = ∂loss/∂logp, which the objectives make. While a tape records, exponentials of the logits are kept
 * for the backward pass within `Device.headCacheBytes`.
 */
export function logprobHead(h: Tensor, w: Tensor, targets: Tensor): Tensor {
  const native = h.device.native;
  const [N, D] = matrix("logprobHead", "h", h);
  const [V, inner] = matrix("logprobHead", "w", w);
  expectSide("logprobHead", "the inner side of w", inner, D);
  expectSide("logprobHead", "the number of targets", targets.count, N);
  const logp = Tensor.float32(h.device, [N]);
  const lse = Tensor.float32(h.device, [N]);
  const cache = isRecording() && (h.requiresGrad || w.requiresGrad) ? headCache(h, V) : null;
  native.logprobHead(
    h.handle,
    w.handle,
    targets.handle,
    logp.handle,
    lse.handle,
    cache?.handle ?? 0,
    N,
    D,
    V,
  );
  recordBackward(
    logp,
    [h, w],
    cache === null ? [lse] : [lse, cache],
    (g) => {
      const dw = gradientOf(w);
      const dh = gradientOf(h) ?? { tensor: Tensor.like(h), accumulate: false };
      native.logprobHeadBackward(
        h.handle,
        w.handle,
        targets.handle,
        lse.handle,
        logp.handle,
        g.handle,
        cache?.handle ?? 0,
        dh.tensor.handle,
        dw?.tensor.handle ?? 0,
        N,
        D,
        V,
        dh.accumulate,
      );
    },
    [h, w, logp],
  );
  return logp;
}

/** As much of the cache that serves h[N,D] and V words as the device allows; null where that is nothing. */
function headCache(h: Tensor, V: number): Tensor | null {
  const [N, D] = matrix("logprobHead", "h", h);
  const count = h.device.native.headCacheCount(h.dtype, N, D, V, h.device.headCacheBytes);
  return count === 0 ? null : Tensor.like(h, [count]);
}
