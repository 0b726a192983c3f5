import { shuffled } from "./random.js";
import type { StreamState } from "./types.js";

/**
 * An endless stream of example indices 0 … count-1. With order `shuffle` every pass has an order of its own; with `file`
 * it is the file's order, wrapping round. The order depends on (seed, name, pass) only, so `StreamState` is all that a
 * resumed run needs.
 */
export class ExampleStream {
  readonly count: number;
  readonly #options: { seed: number; name: string; order: "shuffle" | "file" };
  #pass = 0;
  #position = 0;
  #orders = new Map<number, Uint32Array>();

  /** @throws Error where count is not a whole number ≥ 1. */
  constructor(count: number, options: { seed: number; name: string; order: "shuffle" | "file" }) {
    if (!Number.isInteger(count) || count < 1)
      throw new Error(`${options.name}: a stream needs at least one example, not ${count}`);
    this.count = count;
    this.#options = options;
  }

  /** Takes the next n indices. */
  next(n: number): number[] {
    const taken = this.peek(n);
    const end = this.#position + n;
    this.#pass += Math.floor(end / this.count);
    this.#position = end % this.count;
    for (const pass of this.#orders.keys()) if (pass < this.#pass) this.#orders.delete(pass);
    return taken;
  }

  /** The indices that `next(n)` would take, without taking them. */
  peek(n: number): number[] {
    return Array.from({ length: n }, (_, i) => {
      const at = this.#position + i;
      return this.#index(this.#pass + Math.floor(at / this.count), at % this.count);
    });
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
