/** One line that overwrites itself on a terminal; elsewhere plain lines, not more often than people want them. */
import type { Output } from "./output.js";

/** Without a terminal, seconds between lines. */
const QUIET_SECONDS = 10;
const CLEAR = "\r\x1b[K";

export class LiveLine {
  readonly #output: Output;
  readonly #now: () => number;
  #isShown = false;
  #lastPlain = Number.NEGATIVE_INFINITY;

  /** `now` in seconds. */
  constructor(output: Output, now: () => number = () => performance.now() / 1000) {
    this.#output = output;
    this.#now = now;
  }

  /** `always`: worth a line of its own where nothing can be overwritten. */
  show(text: string, always = false): void {
    if (this.#output.isTerminal) {
      // one column less than the width, so that no terminal wraps
      this.#output.out(`${CLEAR}${text.slice(0, Math.max(1, this.#output.width() - 1))}`);
      this.#isShown = true;
      return;
    }
    if (!always && this.#now() - this.#lastPlain < QUIET_SECONDS) return;
    this.#lastPlain = this.#now();
    this.#output.out(`${text}\n`);
  }

  /** Lines that stay. */
  keep(lines: string): void {
    this.clear();
    this.#output.out(`${lines}\n`);
  }

  /** Warnings go to standard error, so that they are seen where the rest is piped away. */
  warn(message: string): void {
    this.clear();
    this.#output.err(`warning: ${message}\n`);
  }

  clear(): void {
    if (this.#isShown) this.#output.out(CLEAR);
    this.#isShown = false;
  }
}
