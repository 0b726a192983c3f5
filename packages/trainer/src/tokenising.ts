/** The data files of a run while they are tokenised: progress, what became of their rows, and their errors, as they become known. */
import { basename } from "node:path";
import type { DatasetReport, Examples } from "@outright/data";
import type { ProgressEvent } from "./events.js";

/** Milliseconds between two progress events. */
const TELL_EVERY = 50;

export interface TokenisingOptions {
  progress: (event: ProgressEvent) => void;
  /** a line for each reason for which rows were dropped or cut */
  notice: (message: string) => void;
  /** asked often; may throw to end what is waited for */
  checkStop: () => void;
}

export class Tokenising {
  readonly #options: TokenisingOptions;
  readonly #open: Examples<unknown>[] = [];
  /** files whose report was not told yet */
  #pending: Examples<unknown>[] = [];
  #told = Number.NEGATIVE_INFINITY;
  readonly #finished = new Set<string>();

  constructor(options: TokenisingOptions) {
    this.#options = options;
  }

  /** Takes a file under its care, whose report is told as soon as it is known. */
  add(examples: Examples<unknown>): void {
    this.#open.push(examples);
    this.#pending.push(examples);
    this.look();
  }

  /** Takes in what was done meanwhile, without waiting. @throws the error of a row that cannot be an example */
  look(): void {
    this.#pending = this.#pending.filter((examples) => {
      examples.check();
      this.#tell(examples.path, examples.done, examples.rows);
      if (examples.report === null) return true;
      for (const line of describeReport(examples.path, examples.report)) this.#options.notice(line);
      return false;
    });
  }

  /** Waits for one file, or for all. @throws as `look`, and what `checkStop` throws */
  async finish(files: readonly Examples<unknown>[] = this.#pending): Promise<void> {
    for (const examples of files) await examples.complete(this.progressOf(examples.path));
    this.look();
  }

  /** Tells progress, not more often than anyone can read; checks for a stop each time. */
  progressOf(path: string): (done: number, total: number) => void {
    return (done, total) => {
      this.#options.checkStop();
      this.#tell(path, done, total);
    };
  }

  /** Ends what is still at work. */
  close(): void {
    for (const examples of this.#open) examples.close();
  }

  #tell(path: string, done: number, total: number): void {
    const now = performance.now();
    if (done < total ? now - this.#told < TELL_EVERY : this.#finished.has(path)) return;
    if (done >= total) this.#finished.add(path);
    this.#told = now;
    this.#options.progress({
      type: "progress",
      stage: `tokenising ${basename(path)}`,
      done,
      total,
      unit: "rows",
    });
  }
}

/** Nothing is dropped or cut silently: one line a reason. */
function describeReport(path: string, report: DatasetReport): string[] {
  const line =
    (verb: string) =>
    ([reason, count]: [string, number]) => {
      const first = (report.firstRows[reason] ?? []).slice(0, 5).join(", ");
      return `${basename(path)}: ${verb} ${count} of ${report.rows} rows: ${reason} (first: ${first})`;
    };
  return [
    ...Object.entries(report.dropped)
      .filter(([, count]) => count > 0)
      .map(line("dropped")),
    ...Object.entries(report.cut)
      .filter(([, count]) => count > 0)
      .map(line("cut")),
  ];
}
