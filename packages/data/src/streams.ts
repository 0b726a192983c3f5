import { shuffled } from "./random.js";
import type { StreamState } from "./types.js";

export interface StreamOptions {
  seed: number;
  name: string;
  order: "shuffle" | "file";
  /**
   * Which of the indices are examples; the others are passed over where the stream meets them, so that nothing need be known of those
   * that it has not met. Must always answer the same. Default: all.
   */
  isKept?: (index: number) => boolean;
}

/**
 * An endless stream of example indices 0 … count-1. With order `shuffle` every pass has an order of its own; with `file`
 * it is the file's order, wrapping round. The order depends on (seed, name, pass) and on what is kept only, so `StreamState` is all
 * that a resumed run needs.
 */
export class ExampleStream {
  readonly count: number;
  readonly #options: StreamOptions;
  #pass = 0;
  #position = 0;
  #orders = new Map<number, Uint32Array>();

  /** @throws Error where count is not a whole number ≥ 1. */
  constructor(count: number, options: StreamOptions) {
    if (!Number.isInteger(count) || count < 1)
      throw new Error(`${options.name}: a stream needs at least one example, not ${count}`);
    this.count = count;
    this.#options = options;
  }

  /** Takes the next n indices. */
  next(n: number): number[] {
    const { indices, pass, position } = this.#walk(n);
    this.#pass = pass;
    this.#position = position;
    for (const known of this.#orders.keys()) if (known < pass) this.#orders.delete(known);
    return indices;
  }

  /** The indices that `next(n)` would take, without taking them. */
  peek(n: number): number[] {
    return this.#walk(n).indices;
  }

  state(): StreamState {
    return { pass: this.#pass, position: this.#position };
  }

  /** @throws Error where the state does not belong to a stream of this many examples. */
  restore(state: StreamState): void {
    const { pass, position } = state;
    if (
      !Number.isInteger(pass) ||
      pass < 0 ||
      !Number.isInteger(position) ||
      position < 0 ||
      position >= this.count
    ) {
      throw new Error(
        `${this.#options.name}: saved stream position (pass ${pass}, position ${position}) does not fit ${this.count} examples; was the data changed?`,
      );
    }
    this.#pass = pass;
    this.#position = position;
    this.#orders.clear();
  }

  /** @throws Error where a whole pass holds no example */
  #walk(n: number): { indices: number[]; pass: number; position: number } {
    const { name, isKept = () => true } = this.#options;
    const indices: number[] = [];
    let pass = this.#pass;
    let position = this.#position;
    for (let passedOver = 0; indices.length < n; ) {
      const index = this.#index(pass, position);
      if (isKept(index)) {
        indices.push(index);
        passedOver = 0;
      } else if (++passedOver >= this.count) {
        throw new Error(`${name}: none of its ${this.count} rows is left to train on`);
      }
      if (++position < this.count) continue;
      pass++;
      position = 0;
    }
    return { indices, pass, position };
  }

  #index(pass: number, position: number): number {
    if (this.#options.order === "file") return position;
    let order = this.#orders.get(pass);
    if (order === undefined) {
      order = shuffled(this.count, this.#options.seed, this.#options.name, pass);
      this.#orders.set(pass, order);
    }
    return order[position] as number;
  }
}
