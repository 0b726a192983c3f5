/** Keys and values of tokens that were computed, so that later ones need only their own (Pope et al. 2022, section 2.2). */
import { type CachedKeys, keep, Tensor } from "@outright/tensor";
import type { LanguageModel } from "./language-model.js";

/** What a model keeps of a token: so many numbers in each of its layers, twice. */
export interface KeyValueShape {
  layers: number;
  /** key heads times head size */
  width: number;
}

/** S rows, one for each token, in every layer. Which sequence owns which rows is for the caller to know. */
export class KeyValueCache {
  /** S */
  readonly rows: number;
  readonly bytes: number;
  readonly #layers: readonly CachedKeys[];

  /** @param rows tokens that it has room for; outside scopes, it lives until it is disposed */
  constructor(model: LanguageModel, rows: number) {
    this.rows = rows;
    this.bytes = rows * bytesPerToken(model);
    const { layers, width } = model.keyValues;
    const dtype = model.head.dtype === "bfloat16" ? "bfloat16" : "float32";
    const make = (): Tensor => keep(Tensor.zeros(model.device, [rows, width], dtype));
    const made: CachedKeys[] = [];
    try {
      for (let layer = 0; layer < layers; layer++) made.push({ keys: make(), values: make() });
    } catch (error) {
      disposeAll(made);
      throw error;
    }
    this.#layers = made;
  }

  layer(index: number): CachedKeys {
    return this.#layers[index] as CachedKeys;
  }

  dispose(): void {
    disposeAll(this.#layers);
  }
}

/** What one token takes in a cache. */
export function bytesPerToken({ keyValues: { layers, width }, head }: LanguageModel): number {
  return 2 * layers * width * (head.dtype === "bfloat16" ? 2 : 4);
}

function disposeAll(layers: readonly CachedKeys[]): void {
  for (const { keys, values } of layers) {
    keys.dispose();
    values.dispose();
  }
}
