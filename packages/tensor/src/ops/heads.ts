/** How many heads there are, and where they lie in the projections that attention reads. */
import type { HeadLayout } from "../native.js";

export interface AttentionHeads {
  /** query heads H */
  queryHeads: number;
  /** key/value heads G; query head h reads key head ⌊h·G/H⌋ */
  keyHeads: number;
  /** head size C */
  headSize: number;
  /** usually 1/√C */
  scale: number;
}

/** q[T, H·C], k[T, G·C] and v[T, G·C], each by itself. */
export function separateLayout({ queryHeads: H, keyHeads: G, headSize: C }: AttentionHeads): HeadLayout {
  return [0, H * C, C, 0, G * C, C, 0, G * C, C];
}

/** GPT-NeoX's qkv[T, H·3·C]: each head holds its query, key and value in turn. */
export function fusedLayout({ queryHeads: H, headSize: C }: AttentionHeads): HeadLayout {
  const row = H * 3 * C;
  return [0, row, 3 * C, C, row, 3 * C, 2 * C, row, 3 * C];
}
