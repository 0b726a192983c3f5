/** What ends a request: somebody's wish, or the clock. */

/**
 * A signal for one request, which must be released after it. `AbortSignal.any` over `AbortSignal.timeout` is not used: in Node 20
 * the timeout's signal may be collected as garbage before its time, and a request that gets no answer then never ends.
 */
export class RequestSignal {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal;
  readonly #onAbort: () => void;

  /** @param outer ends it too, with its reason */
  constructor(outer: AbortSignal, seconds: number) {
    this.#outer = outer;
    this.#onAbort = () => this.#controller.abort(outer.reason);
    this.#timer = setTimeout(
      () => this.#controller.abort(new DOMException("timed out", "TimeoutError")),
      1000 * seconds,
    );
    if (outer.aborted) this.#onAbort();
    else outer.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  release(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#onAbort);
  }
}
