/** Numbers that losses leave on their device: whoever reads one waits for all of them, once. */
import type { NativeDevice } from "./native.js";

interface Waiting {
  count: number;
  values: Float64Array | undefined;
}

export class Results {
  readonly #native: NativeDevice;
  #waiting: Waiting[] = [];

  constructor(native: NativeDevice) {
    this.#native = native;
  }

  /** To be called after a call that leaves `count` numbers. @returns reads them; the first to do so waits */
  expect(count: number): () => Float64Array {
    const entry: Waiting = { count, values: undefined };
    this.#waiting.push(entry);
    return () => {
      if (entry.values === undefined) this.#take();
      return entry.values as Float64Array;
    };
  }

  #take(): void {
    const all = new Float64Array(this.#waiting.reduce((sum, { count }) => sum + count, 0));
    this.#native.takeResults(all);
    const waiting = this.#waiting;
    this.#waiting = [];
    let at = 0;
    for (const entry of waiting) {
      entry.values = all.subarray(at, at + entry.count);
      at += entry.count;
    }
  }
}
