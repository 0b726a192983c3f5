import type { HeadLayout } from "../native.js";
import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { type AttentionHeads, fusedLayout, separateLayout } from "./heads.js";

/** Which tokens of the flat row each token sees: start ≤ j ≤ t, except skipFrom ≤ j < skipTo. All int32[T]. */
export interface AttentionSpans {
  start: Tensor;
  skipFrom: Tensor;
  skipTo: Tensor;
}

/** softmax(scale · q kᵀ) v over a flat row, from separate q[T, H·C], k[T, G·C], v[T, G·C]; gives [T, H·C]. */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  spans: AttentionSpans,
  heads: AttentionHeads,
): Tensor {
  return attend(q, k, v, separateLayout(heads), spans, heads);
}

/** The same from GPT-NeoX's fused qkv[T, H·3·C], where each head holds its query, key and value in turn. */
export function fusedAttention(qkv: Tensor, spans: AttentionSpans, heads: AttentionHeads): Tensor {
  return attend(qkv, qkv, qkv, fusedLayout(heads), spans, heads);
}

function attend(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  layout: HeadLayout,
  spans: AttentionSpans,
  heads: AttentionHeads,
): Tensor {
  const native = q.device.native;
  const { queryHeads: H, keyHeads: G, headSize: C, scale } = heads;
  const T = spans.start.count;
  const { start, skipFrom, skipTo } = spans;
  const o = Tensor.like(q, [T, H * C]);
  const lse = Tensor.float32(q.device, [T, H]);
  native.attention(
    q.handle,
    k.handle,
    v.handle,
    layout,
    o.handle,
    lse.handle,
    start.handle,
    skipFrom.handle,
    skipTo.handle,
    T,
    H,
    G,
    C,
    scale,
  );
  recordBackward(
    o,
    [q, k, v],
    [lse],
    (dout) => {
      const fused = q === k;
      const dq = target(q);
      const dk = fused ? dq : target(k);
      const dv = fused ? dq : target(v);
      if (dk.accumulate !== dq.accumulate || dv.accumulate !== dq.accumulate) {
        throw new Error("attention: q, k and v must not be used by other operations");
      }
      native.attentionBackward(
        dout.handle,
        q.handle,
        k.handle,
        v.handle,
        layout,
        o.handle,
        lse.handle,
        start.handle,
        skipFrom.handle,
        skipTo.handle,
        dq.tensor.handle,
        dk.tensor.handle,
        dv.tensor.handle,
        T,
        H,
        G,
        C,
        scale,
        dq.accumulate,
      );
    },
    [q, k, v, o],
  );
  return o;
}

function target(input: Tensor): { tensor: Tensor; accumulate: boolean } {
  return gradientOf(input) ?? { tensor: Tensor.like(input), accumulate: false };
}
