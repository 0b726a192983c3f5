/** How long to wait before a request is sent again. */
import { setTimeout as sleep } from "node:timers/promises";
import { counterRandom } from "@outright/data";

export interface BackoffOptions {
  /** seconds before the first retry; doubled for each further one; default 1 */
  first?: number;
  /** most seconds that it grows to; default 60 */
  most?: number;
  /** seconds: a server that asks for a longer pause than this is given up; default 600 */
  longestPause?: number;
  /** of the jitter */
  seed: number;
}

/**
 * Exponential backoff with jitter: retry n waits min(most, first · 2ⁿ) · (½ + u/2), u uniform in [0, 1) and drawn by
 * (seed, question, n). A pause that a server asks for (Retry-After) holds for all requests.
 */
export class Backoff {
  readonly #first: number;
  readonly #most: number;
  readonly #longestPause: number;
  readonly #seed: number;
  /** in ms of `performance.now()` */
  #pausedUntil = 0;

  constructor({ first = 1, most = 60, longestPause = 600, seed }: BackoffOptions) {
    this.#first = first;
    this.#most = most;
    this.#longestPause = longestPause;
    this.#seed = seed;
  }

  /** Seconds before retry n (from 0) of the question named `key`. */
  seconds(key: string, n: number): number {
    const full = Math.min(this.#most, this.#first * 2 ** n);
    return full * (0.5 + counterRandom(this.#seed, `backoff/${key}`)(n) / 2);
  }

  /** @returns false where the pause is longer than anyone wants to wait */
  pause(seconds: number): boolean {
    if (seconds > this.#longestPause) return false;
    this.#pausedUntil = Math.max(this.#pausedUntil, performance.now() + 1000 * seconds);
    return true;
  }

  /** Returns when no pause is on. @throws AbortError */
  async ready(stop: AbortSignal): Promise<void> {
    for (;;) {
      const left = this.#pausedUntil - performance.now();
      if (left <= 0) return;
      await sleep(Math.ceil(left), undefined, { signal: stop });
    }
  }

  /** Waits before retry n. @throws AbortError */
  async wait(key: string, n: number, stop: AbortSignal): Promise<void> {
    await sleep(1000 * this.seconds(key, n), undefined, { signal: stop });
  }
}

/** Seconds of a Retry-After header, given as seconds or as a date; undefined where it is neither. */
export function retryAfterSeconds(header: string | null, now = Date.now()): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}
