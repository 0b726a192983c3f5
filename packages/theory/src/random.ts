/**
 * Counter-based uniform numbers in [0, 1): the same (seed, stream, counter) gives the same number, and there is no state.
 * The finaliser of murmur3 over the counter, twice, with both halves of the key between; 32 bits, which is plenty for coins and
 * instances. (Training draws from Philox in @outright/data, which this package may not import.)
 */
export function counterUniform(seed: number, stream: string): (counter: number) => number {
  const first = mix(Math.imul(seed | 0, 0x9e3779b1) ^ Math.floor(seed / 2 ** 32));
  let second = first;
  for (let i = 0; i < stream.length; i++) second = mix(second ^ Math.imul(stream.charCodeAt(i), 0x85ebca77));
  return (counter) => {
    const low = mix(Math.imul(counter | 0, 0x9e3779b1) ^ first);
    return (mix(low ^ second ^ Math.floor(counter / 2 ** 32)) >>> 0) / 2 ** 32;
  };
}

function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The same numbers one after another. */
export class Draws {
  readonly #uniform: (counter: number) => number;
  #next = 0;

  constructor(seed: number, stream: string) {
    this.#uniform = counterUniform(seed, stream);
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.#uniform(this.#next++);
  }

  /** A whole number of low, ..., high. */
  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  /** One of them, each as likely. */
  oneOf<T>(items: readonly [T, ...T[]]): T {
    return items[this.whole(0, items.length - 1)] as T;
  }
}
