/**
 * The examples of a data file by row number: from the cache, or from threads that tokenise the file while the examples that are
 * needed first are already in use.
 */
import { basename } from "node:path";
import { checkOptions } from "./dataset.js";
import type { EncodedRow } from "./encode.js";
import { encodedRow, isPlain, lengthOf, lineOf, NUMBERS, tokensOf } from "./encoded-rows.js";
import { type Fitted, type Fitting, fitRow } from "./fit.js";
import { GrowingRows, type TokenFilePlace } from "./growing-rows.js";
import { describeRow, fileStamp, hashFile, isPlainLines } from "./readers.js";
import { countFitted, noneLeft, startReport } from "./report.js";
import { indexRows } from "./row-index.js";
import { TokenFile, type TokenFileKey, tokenFilePath } from "./token-file.js";
import type { DatasetOptions, DatasetReport, PairExample, SftExample } from "./types.js";

export interface ExamplesOptions extends Omit<DatasetOptions, "onProgress"> {
  /** Folder of the token cache; without it nothing is written. */
  cache?: string;
  /**
   * Threads that tokenise; default: one for each core, none for a file of less than 1 MiB. 0 tokenises in the calling thread, each
   * row when it is first asked for and the rest in `complete`.
   */
  threads?: number;
  /** Told rows that are tokenised, while `openExamples` waits; may throw to end it. */
  onProgress?: (done: number, total: number) => void;
  /** Told, in one line, where the cache could not be used; the examples are the same without. */
  onWarning?: (message: string) => void;
}

/** A smaller file is tokenised before a thread has started. */
const SMALL_BYTES = 1 << 20;

/** Milliseconds between looks at what the threads have done. */
const LOOK_EVERY = 5;

/**
 * Opens a data file. What comes back knows the number of rows, and every example as soon as it is asked for. A file of less than
 * 1 MiB, or one whose rows are in the cache, is complete at once, so that all its errors and drops are known; of any other, an
 * error is thrown where it is met: by `example`, `check` or `complete`.
 *
 * Whatever the threads, the cache and the moment: a row gives the same example as in `loadDataset`.
 *
 * @throws Error in one line, as `loadDataset`
 */
export function openExamples(options: ExamplesOptions & { kind: "sft" }): Promise<Examples<SftExample>>;
export function openExamples(options: ExamplesOptions & { kind: "dpo" }): Promise<Examples<PairExample>>;
export function openExamples(options: ExamplesOptions): Promise<Examples<SftExample> | Examples<PairExample>>;
export async function openExamples(
  options: ExamplesOptions,
): Promise<Examples<SftExample> | Examples<PairExample>> {
  const { path, threads, onProgress = () => {}, onWarning = () => {} } = options;
  const { encoding, fitting } = checkOptions(options);
  isPlainLines(path); // says what kinds of file there are, where this is none of them
  const stamp = await fileStamp(path);
  const hash = await hashFile(path, () => onProgress(0, 1));
  const place = placeOf(options.cache, {
    version: 1,
    data: hash,
    tokenizer: encoding.tokenizer.hash,
    format: encoding.format,
    template: encoding.template,
    boundary: encoding.boundary,
  });
  const cached = place === null ? null : await openCached(place, path, onWarning);
  const rows =
    cached ??
    new GrowingRows(
      await indexRows(path, { onProgress: ({ rows: found }) => onProgress(0, Math.max(1, found)) }),
      encoding,
      place,
      stamp,
      onWarning,
    );
  const examples = new Examples<SftExample | PairExample>(path, hash, rows, fitting);
  try {
    const inThreads = threads === undefined ? stamp.size >= SMALL_BYTES : threads > 0;
    const later = cached === null && (threads === 0 || (inThreads && rows.startThreads(threads)));
    if (!later) await examples.complete(onProgress);
    return examples as Examples<SftExample> | Examples<PairExample>;
  } catch (error) {
    examples.close();
    throw error;
  }
}

function placeOf(directory: string | undefined, key: TokenFileKey): TokenFilePlace | null {
  return directory === undefined ? null : { path: tokenFilePath(directory, key), key };
}

async function openCached(
  { path, key }: TokenFilePlace,
  data: string,
  onWarning: (message: string) => void,
): Promise<CachedRows | null> {
  try {
    const file = await TokenFile.open(path, key);
    return file === null ? null : new CachedRows(data, file);
  } catch (error) {
    onWarning(
      `${path}: the token cache cannot be used (${(error as Error).message}); tokenising ${basename(data)} anew`,
    );
    return null;
  }
}

/** Encoded rows by number: of a cached file, or as they become known. */
type Rows = Pick<
  GrowingRows,
  | "rows"
  | "done"
  | "numbers"
  | "failure"
  | "get"
  | "where"
  | "look"
  | "encodeNext"
  | "finish"
  | "startThreads"
  | "close"
>;

/** Rows that are all on disk. */
class CachedRows implements Rows {
  readonly rows: number;
  readonly done: number;
  readonly numbers: Int32Array;
  readonly failure = null;
  readonly #path: string;
  readonly #file: TokenFile;
  readonly #starts: Float64Array;

  constructor(path: string, file: TokenFile) {
    this.#path = path;
    this.#file = file;
    this.numbers = file.numbers;
    this.rows = this.numbers.length / NUMBERS;
    this.done = this.rows;
    this.#starts = new Float64Array(this.rows);
    for (let row = 1; row < this.rows; row++) {
      this.#starts[row] = (this.#starts[row - 1] as number) + tokensOf(this.numbers, row - 1);
    }
  }

  get(row: number): EncodedRow {
    const ids = this.#file.read(this.#starts[row] as number, tokensOf(this.numbers, row));
    return encodedRow(this.numbers, row, ids);
  }

  where(row: number): string {
    return describeRow(this.#path, row, lineOf(this.numbers, row));
  }

  look(): void {}

  encodeNext(): boolean {
    return false;
  }

  finish(): void {}

  startThreads(): boolean {
    return false;
  }

  close(): void {
    this.#file.close();
  }
}

/** The examples of one file; see `openExamples`. */
export class Examples<Example> {
  readonly path: string;
  /** sha256 of the file's bytes, hex */
  readonly hash: string;
  /** rows of the file, those included that are no examples */
  readonly rows: number;
  readonly #rows: Rows;
  readonly #fitting: Fitting;
  readonly #report: DatasetReport = startReport();
  #failure: Error | null = null;

  /** @internal use `openExamples` */
  constructor(path: string, hash: string, rows: Rows, fitting: Fitting) {
    this.path = path;
    this.hash = hash;
    this.rows = rows.rows;
    this.#rows = rows;
    this.#fitting = fitting;
  }

  /**
   * The example of a row; null where the row is dropped.
   * @throws Error in one line where the row cannot be an example
   */
  example(row: number): Example | null {
    return this.#fitted(row).example as Example | null;
  }

  /** Whether a row is an example. @throws as `example` */
  isKept(row: number): boolean {
    return this.#isPlain(row) || this.#fitted(row).example !== null;
  }

  /** Rows known from the file's beginning on. */
  get done(): number {
    return this.#rows.done;
  }

  /** What became of all rows; null until all are known. */
  get report(): DatasetReport | null {
    return this.#failure === null && this.#report.rows === this.rows ? this.#report : null;
  }

  /**
   * Takes in what was tokenised since the last call, without waiting.
   * @throws Error in one line: the first row of the file that cannot be an example
   */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
    try {
      this.#rows.look();
      for (let row = this.#report.rows; row < this.#rows.done; row++) {
        countFitted(this.#report, this.#isPlain(row) ? PLAIN : this.#fitted(row), row);
      }
      if (this.#rows.failure !== null) throw this.#rows.failure;
      if (this.#report.rows < this.rows) return;
      if (this.#report.kept === 0) throw noneLeft(this.path, this.#report);
      this.#rows.finish();
    } catch (error) {
      this.#failure = error as Error;
      throw error;
    }
  }

  /**
   * Waits until all rows are known.
   * @param onProgress told rows done, again and again; may throw to end the waiting
   * @throws as `check`
   */
  async complete(onProgress: (done: number, total: number) => void = () => {}): Promise<DatasetReport> {
    while (true) {
      this.check();
      onProgress(this.done, this.rows);
      if (this.report !== null) return this.report;
      // Threads take a while to start: whoever waits for them may as well help.
      if (this.#rows.encodeNext()) await new Promise((resolve) => setImmediate(resolve));
      else if (this.done < this.rows) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    }
  }

  /** Ends the threads and closes the files. What was not finished leaves nothing behind. */
  close(): void {
    this.#rows.close();
  }

  #fitted(row: number): Fitted {
    return fitRow(this.#rows.get(row), row, () => this.#rows.where(row), this.#fitting);
  }

  /** Whether a row's numbers tell, without its ids, that it is an example as it is. */
  #isPlain(row: number): boolean {
    const { numbers, done } = this.#rows;
    if (row >= done || !isPlain(numbers, row)) return false;
    const length = lengthOf(numbers, row);
    return length >= 2 && length <= this.#fitting.maxLength;
  }
}

const PLAIN: Fitted = { example: {} as SftExample, cut: null };
