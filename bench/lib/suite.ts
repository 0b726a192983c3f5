/** What every suite gets and gives. */
import type { BenchOptions } from "./options.js";
import type { Entry, SuiteResult } from "./results.js";

export interface Context {
  options: BenchOptions;
  /** one line of progress for people */
  say: (line: string) => void;
}

export type Suite = (context: Context) => Promise<SuiteResult>;

/** Collects what a suite measured, and what it could not. */
export class Report {
  /** what the numbers mean */
  about = "";
  readonly #suite: string;
  readonly #say: (line: string) => void;
  readonly #entries: Entry[] = [];
  readonly #skipped: SuiteResult["skipped"] = [];

  constructor(suite: string, say: (line: string) => void) {
    this.#suite = suite;
    this.#say = say;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
  }

  /** Nothing is left out silently. */
  skip(name: string, reason: string): void {
    this.#skipped.push({ name, reason });
    this.#say(`SKIPPED ${name}: ${reason}`);
  }

  finish(): SuiteResult {
    return { suite: this.#suite, about: this.about, entries: this.#entries, skipped: this.#skipped };
  }
}
