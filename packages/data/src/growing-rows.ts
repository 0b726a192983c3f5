/** The encoded rows of a file while it is being tokenised: those that came from the threads, those on disk, and any other on demand. */
import { statSync } from "node:fs";
import { type EncodedRow, type Encoding, encodeRow } from "./encode.js";
import { encodeChunk } from "./encode-chunk.js";
import { EncodePool } from "./encode-pool.js";
import type { EncodedChunk } from "./encode-worker.js";
import { encodedRow, NUMBERS, tokensOf } from "./encoded-rows.js";
import type { FileStamp } from "./readers.js";
import { type RowIndex, RowReader } from "./row-index.js";
import { type TokenFileKey, TokenFileWriter } from "./token-file.js";

/** Rows that a thread takes at a time. */
const ROWS_PER_CHUNK = 128;

/** Where the rows are kept once all are known. */
export interface TokenFilePlace {
  path: string;
  key: TokenFileKey;
}

export class GrowingRows {
  readonly rows: number;
  readonly numbers: Int32Array;
  /** Rows known from the file's beginning on, without a gap. */
  done = 0;
  readonly #index: RowIndex;
  readonly #encoding: Encoding;
  readonly #reader: RowReader;
  /** [rows] where each row's ids begin among those of the whole file */
  readonly #starts: Float64Array;
  /** ids of each chunk; null where they are in the file */
  readonly #chunks: (Int32Array | null)[] = [];
  /** chunks that came before one of an earlier place */
  readonly #waiting = new Map<number, EncodedChunk>();
  /** rows that were asked for before they came */
  readonly #early = new Map<number, EncodedRow>();
  readonly #place: TokenFilePlace | null;
  readonly #stamp: FileStamp;
  readonly #warn: (message: string) => void;
  #writer: TokenFileWriter | null = null;
  /** what comes is written, not kept in memory */
  #writes = false;
  #tokens = 0;
  #pool: EncodePool | null = null;
  #failure: Error | null = null;

  /**
   * @param place where to write the rows; null: nowhere
   * @param stamp of the data file before it was read
   */
  constructor(
    index: RowIndex,
    encoding: Encoding,
    place: TokenFilePlace | null,
    stamp: FileStamp,
    warn: (message: string) => void,
  ) {
    this.#index = index;
    this.#encoding = encoding;
    this.#place = place;
    this.#stamp = stamp;
    this.#warn = warn;
    this.rows = index.rows;
    this.numbers = new Int32Array(NUMBERS * index.rows);
    this.#starts = new Float64Array(index.rows);
    this.#reader = new RowReader(index);
    if (place !== null) {
      this.#writes = this.#tryWriting(() => {
        this.#writer = new TokenFileWriter(place.path);
      });
    }
  }

  /** False where the tokenizer cannot be given to threads. */
  startThreads(threads: number | undefined): boolean {
    this.#pool = EncodePool.start(this.#index, this.#encoding, ROWS_PER_CHUNK, threads);
    return this.#pool !== null;
  }

  /** Takes in what the threads have done since the last look. @throws Error where a thread died */
  look(): void {
    if (this.#pool === null) return;
    for (const chunk of this.#pool.received()) this.#accept(chunk);
  }

  /**
   * Encodes the next chunk in the calling thread; where threads are at work, one that none of them has taken.
   * @returns false where none is left
   */
  encodeNext(): boolean {
    if (this.#failure !== null || this.done === this.rows) return false;
    const chunk = this.#pool === null ? this.done / ROWS_PER_CHUNK : this.#pool.chunks.take();
    if (chunk === null) return false;
    const from = chunk * ROWS_PER_CHUNK;
    const to = Math.min(this.rows, from + ROWS_PER_CHUNK);
    const encoded = encodeChunk(this.#reader, from, to, this.#encoding);
    if (encoded.error !== null) this.#pool?.chunks.stop();
    this.#accept({ chunk, ...encoded });
    return true;
  }

  /** The error of the first row that has one, once all rows before it are known. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** @throws Error in one line where the row has one */
  get(row: number): EncodedRow {
    if (row >= this.done) this.look();
    if (row < this.done) return encodedRow(this.numbers, row, this.#ids(row));
    if (this.#failure !== null) throw this.#failure;
    let encoded = this.#early.get(row);
    if (encoded === undefined) {
      const [read] = this.#reader.values(row, row + 1);
      encoded = encodeRow((read as { value: unknown }).value, this.#reader.where(row), this.#encoding);
      this.#early.set(row, encoded);
    }
    return encoded;
  }

  where(row: number): string {
    return this.#reader.where(row);
  }

  /** All rows are known, and good: the file gets its name. */
  finish(): void {
    const { key } = this.#place ?? {};
    if (!this.#writes || key === undefined) return;
    this.#tryWriting(() => this.#writer?.finish(key, this.numbers));
    this.#writes = false;
  }

  close(): void {
    this.#pool?.close();
    this.#pool = null;
    this.#writer?.close();
    this.#reader.close();
  }

  #ids(row: number): Int32Array {
    const start = this.#starts[row] as number;
    const count = tokensOf(this.numbers, row);
    const chunk = Math.floor(row / ROWS_PER_CHUNK);
    const ids = this.#chunks[chunk];
    if (ids === null) return (this.#writer as TokenFileWriter).read(start, count);
    const at = start - (this.#starts[chunk * ROWS_PER_CHUNK] as number);
    return (ids as Int32Array).subarray(at, at + count);
  }

  #accept(chunk: EncodedChunk): void {
    this.#waiting.set(chunk.chunk, chunk);
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#store(next);
  }

  #next(): EncodedChunk | undefined {
    if (this.#failure !== null || this.done === this.rows) return undefined;
    const next = this.done / ROWS_PER_CHUNK;
    const chunk = this.#waiting.get(next);
    this.#waiting.delete(next);
    return chunk;
  }

  #store({ chunk, numbers, ids, error }: EncodedChunk): void {
    const first = this.done;
    const rows = numbers.length / NUMBERS;
    this.numbers.set(numbers, NUMBERS * first);
    for (let row = first; row < first + rows; row++) {
      this.#starts[row] = this.#tokens;
      this.#tokens += tokensOf(this.numbers, row);
      this.#early.delete(row);
    }
    const written = this.#writes && this.#tryWriting(() => this.#writer?.append(ids));
    this.#chunks[chunk] = written ? null : ids;
    this.done += rows;
    if (error !== null) this.#failure = new Error(error);
    if (error !== null || this.done === this.rows) this.#end();
  }

  /** All rows are known, or no more will be. */
  #end(): void {
    this.#pool?.close();
    this.#pool = null;
    if (this.#failure !== null) return;
    const { path } = this.#index;
    const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (size !== this.#stamp.size || mtimeMs !== this.#stamp.mtimeMs) {
      this.#failure = new Error(`${path}: the file changed while it was read; start again`);
    }
  }

  /** Where the disk is full or may not be written, one line says so, and what was not written stays in memory. */
  #tryWriting(write: () => void): boolean {
    try {
      write();
      return true;
    } catch (error) {
      const why = (error as Error).message.replace(/\s+/g, " ");
      this.#warn(`${this.#place?.path}: the token cache cannot be written (${why}); going on without it`);
      this.#writes = false;
      return false;
    }
  }
}
