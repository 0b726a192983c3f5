/** What every architecture offers: flat rows in, hidden states out, and named parameters. */
import type { AttentionSpans, CachedTokens, Device, Parameter, Tensor } from "@outright/tensor";
import type { KeyValueCache, KeyValueShape } from "./key-value-cache.js";
import type { Recompute } from "./lifetime.js";
import type { Linear } from "./linear.js";
import type { Lora } from "./lora.js";

/** T tokens on a device, each with its id and position, int32[T]. */
interface Tokens {
  ids: Tensor;
  positions: Tensor;
  /** largest position in the row, so that rotary tables reach far enough */
  maxPosition: number;
}

/** A flat row (design section 5): each token sees a span of the row, int32[T] too. */
export interface FlatInput extends Tokens, AttentionSpans {
  cache?: never;
}

/** New tokens of sequences whose earlier tokens are in a cache. Not for training. */
export interface CachedInput extends Tokens, CachedTokens {
  cache: KeyValueCache;
}

export type ModelInput = FlatInput | CachedInput;

export interface LanguageModel {
  readonly architecture: string;
  readonly device: Device;
  readonly vocabSize: number;
  /** longest position the model was made for; null where its config does not say */
  readonly maxPositions: number | null;
  /** all weights but adapters, under their Hugging Face names, in file order */
  readonly parameters: readonly Parameter[];
  /** the head's weight [V, D]; with tied embeddings the same parameter as the embedding */
  readonly head: Parameter;
  /** the linear layers of all blocks, in order: what can be adapted */
  readonly linears: readonly Linear[];
  /** what it keeps of a token in a `KeyValueCache` */
  readonly keyValues: KeyValueShape;
  /** low-rank adapters on them (`addLora`), or null */
  lora: Lora | null;
  /** what the backward pass computes again instead of keeping it; may be set at any time between steps */
  recompute: Recompute;
  /**
   * Final hidden states after the last norm, [T, D].
   * @param tokens int32[N], ascending: only theirs are wanted, [N, D], and the last block computes nothing of the others
   *   that attention does not read. The bits are those of all.
   */
  hiddenStates(input: ModelInput, tokens?: Tensor): Tensor;
  dispose(): void;
}
