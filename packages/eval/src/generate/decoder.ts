/** Sequences that grow in one key/value cache. */
import { KeyValueCache, type LanguageModel } from "@outright/models";
import { linear, scope, Tensor } from "@outright/tensor";
import { CachePlaces, type Place } from "./cache-places.js";

export class Sequence {
  readonly place: Place;
  /** tokens in the cache; less than there are forgets the last ones */
  length = 0;
  /** tokens that come next and are still to be computed */
  pending: number[] = [];

  constructor(place: Place) {
    this.place = place;
  }

  /** how many tokens may still come after those pending */
  get room(): number {
    return this.place.rows - this.length - this.pending.length;
  }
}

export class Decoder {
  readonly model: LanguageModel;
  readonly #cache: KeyValueCache;
  readonly #places: CachePlaces;

  /** @param rows tokens of all sequences together, at most */
  constructor(model: LanguageModel, rows: number) {
    this.model = model;
    this.#cache = new KeyValueCache(model, rows);
    this.#places = new CachePlaces(rows);
  }

  /** A new sequence of up to `rows` tokens; null where the cache has no room for it now. */
  open(rows: number): Sequence | null {
    const place = this.#places.take(rows);
    return place === null ? null : new Sequence(place);
  }

  close(sequence: Sequence): void {
    this.#places.give(sequence.place);
  }

  /**
   * Computes pending tokens of these sequences, in their order, up to `most` in all.
   * @returns logits [V] after the last token of each sequence that has no more pending ones
   * @throws Error where a sequence has more tokens than its place
   */
  step(sequences: readonly Sequence[], most: number): Map<Sequence, Float32Array> {
    const ids: number[] = [];
    const positions: number[] = [];
    const first: number[] = [];
    const last: number[] = [];
    const ended: { sequence: Sequence; at: number }[] = [];
    for (const sequence of sequences) {
      const { place, pending, length } = sequence;
      if (length + pending.length > place.rows)
        throw new Error("a sequence has outgrown its place in the cache");
      const some = pending.slice(0, most - ids.length);
      for (const [i, id] of some.entries()) {
        ids.push(id);
        positions.push(length + i);
        first.push(place.begin);
        last.push(place.begin + length + i);
      }
      if (some.length > 0 && some.length === pending.length) ended.push({ sequence, at: ids.length - 1 });
      sequence.length += some.length;
      sequence.pending = pending.slice(some.length);
    }
    if (ids.length === 0) return new Map();
    const logits = this.#logits(
      { ids, positions, first, last },
      ended.length > 0 ? ended.map(({ at }) => at) : [0],
    );
    const V = this.model.vocabSize;
    return new Map(ended.map(({ sequence }, i) => [sequence, logits.subarray(i * V, (i + 1) * V)]));
  }

  #logits(row: Record<"ids" | "positions" | "first" | "last", number[]>, wanted: number[]): Float32Array {
    const { device, head } = this.model;
    return scope(() => {
      const int32 = (values: number[]) => Tensor.from(device, Int32Array.from(values));
      const input = {
        ids: int32(row.ids),
        positions: int32(row.positions),
        first: int32(row.first),
        last: int32(row.last),
        maxPosition: row.positions.reduce((largest, position) => Math.max(largest, position), 0),
        cache: this.#cache,
      };
      return linear(this.model.hiddenStates(input, int32(wanted)), head).toFloat32();
    });
  }

  dispose(): void {
    this.#cache.dispose();
  }
}
