/** One line that overwrites itself on a terminal; elsewhere plain lines, not more often than people want them. */
import type { Output } from "./output.js";

/** Without a terminal, seconds between lines. */
const QUIET_SECONDS = 10;
/** On a terminal, seconds between repaints: more often, nobody can read it. */
const REPAINT_SECONDS = 0.05;
const CLEAR = "\r\x1b[K";

export class LiveLine {
  readonly #output: Output;
  readonly #now: () => number;
  #isShown = false;
  #last = Number.NEGATIVE_INFINITY;

  /** `now` in seconds. */
  constructor(output: Output, now: () => number = () => performance.now() / 1000) {
    this.#output = output;
    this.#now = now;
  }

  /** `always`: not to be passed over, however short a time ago the last one was. */
  show(text: string, always = false): void {
    const now = this.#now();
    if (!always && now - this.#last < (this.#output.isTerminal ? REPAINT_SECONDS : QUIET_SECONDS)) return;
    this.#last = now;
    if (this.#output.isTerminal) {
      // one column less than the width, so that no terminal wraps
      this.#output.out(`${CLEAR}${text.slice(0, Math.max(1, this.#output.width() - 1))}`);
      this.#isShown = true;
    } else this.#output.out(`${text}\n`);
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
