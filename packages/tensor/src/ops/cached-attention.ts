import type { HeadLayout } from "../native.js";
import { Tensor } from "../tensor.js";
import { type AttentionHeads, fusedLayout, separateLayout } from "./heads.js";

/** Where new tokens stand in a cache: token n becomes row last[n] and sees the rows from first[n] on. int32[N] */
export interface CachedTokens {
  first: Tensor;
  last: Tensor;
}

/** Keys and values of the tokens before, [S, G·C]; the new ones are written to them. */
export interface CachedKeys {
  keys: Tensor;
  values: Tensor;
}

/**
 * The same for N new tokens over a cache: o[N, H·C] from q[N, H·C], k[N, G·C] and v[N, G·C]. Without backward pass; on the CPU the
 * bits are those of `attention` over the whole sequence.
 */
export function cachedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  cache: CachedKeys,
  tokens: CachedTokens,
  heads: AttentionHeads,
): Tensor {
  return attendCached(q, k, v, separateLayout(heads), cache, tokens, heads);
}

/** The same from GPT-NeoX's fused qkv. */
export function fusedCachedAttention(
  qkv: Tensor,
  cache: CachedKeys,
  tokens: CachedTokens,
  heads: AttentionHeads,
): Tensor {
  return attendCached(qkv, qkv, qkv, fusedLayout(heads), cache, tokens, heads);
}

function attendCached(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  layout: HeadLayout,
  { keys, values }: CachedKeys,
  { first, last }: CachedTokens,
  { queryHeads: H, keyHeads: G, headSize: C, scale }: AttentionHeads,
): Tensor {
  const N = first.count;
  const o = Tensor.like(q, [N, H * C]);
  q.device.native.attentionCached(
    q.handle,
    k.handle,
    v.handle,
    layout,
    keys.handle,
    values.handle,
    o.handle,
    first.handle,
    last.handle,
    N,
    keys.count / (G * C),
    H,
    G,
    C,
    scale,
  );
  return o;
}
