/**
 * Where the rows of a data file stand, so that any of them can be read without the others, from any thread.
 *
 * A plain .jsonl file is read in place. Of the other kinds (.json, .gz, .txt) no row can be found without reading all before it:
 * their rows are read once and kept in shared memory as lines of JSON, until they have been tokenised.
 */
import { closeSync, openSync, readSync } from "node:fs";
import {
  blocksOf,
  describeRow,
  fileSize,
  isPlainLines,
  lineText,
  parseLine,
  readFailure,
  readRows,
} from "./readers.js";
import type { ReadProgress } from "./types.js";

/** Structured-cloneable; the arrays are in shared memory. */
export interface RowIndex {
  path: string;
  rows: number;
  /** [rows] first byte of each row's text */
  starts: Float64Array<SharedArrayBuffer>;
  /** [rows] bytes of each row's text */
  lengths: Uint32Array<SharedArrayBuffer>;
  /** [rows] line of the file, counted from 1; 0 where the file is not read by lines */
  lines: Uint32Array<SharedArrayBuffer>;
  /** the texts; null where they stand in the file itself */
  bytes: SharedArrayBuffer | null;
}

/** @throws Error naming file and row, as `readRows` does; of a plain .jsonl file's rows only the first bytes are looked at */
export async function indexRows(
  path: string,
  options: { onProgress?: ReadProgress } = {},
): Promise<RowIndex> {
  return isPlainLines(path) ? indexLines(path, options) : indexCopies(path, options);
}

/** Reads rows by number. */
export class RowReader {
  readonly #index: RowIndex;
  readonly #file: number | null;

  constructor(index: RowIndex) {
    this.#index = index;
    try {
      this.#file = index.bytes === null ? openSync(index.path, "r") : null;
    } catch (error) {
      throw new Error(`${index.path}: ${readFailure(error)}`);
    }
  }

  where(row: number): string {
    const line = this.#index.lines[row] as number;
    return describeRow(this.#index.path, row, line === 0 ? undefined : line);
  }

  /** Lines of rows `from` … `to`-1 in the file; 0 where it is not read by lines. */
  lines(from: number, to: number): Uint32Array {
    return this.#index.lines.subarray(from, to);
  }

  /**
   * The values of rows `from` … `to`-1, read in one go.
   * @throws Error where a row is not valid JSON
   */
  *values(from: number, to: number): Generator<{ row: number; value: Record<string, unknown> }> {
    const { starts, lengths, lines } = this.#index;
    const first = starts[from] as number;
    const bytes = this.#read(first, (starts[to - 1] as number) + (lengths[to - 1] as number));
    for (let row = from; row < to; row++) {
      const at = (starts[row] as number) - first;
      const text = lineText(bytes.subarray(at, at + (lengths[row] as number)), (lines[row] as number) - 1);
      yield { row, value: parseLine(text, this.where(row)) };
    }
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
  }

  #read(from: number, to: number): Buffer {
    const { bytes, path } = this.#index;
    if (this.#file === null) return Buffer.from(bytes as SharedArrayBuffer, from, to - from);
    const block = Buffer.allocUnsafe(to - from);
    for (let done = 0; done < block.length; ) {
      const read = readSync(this.#file, block, done, block.length - done, from + done);
      if (read === 0) throw new Error(`${path}: the file became shorter while it was read; start again`);
      done += read;
    }
    return block;
  }
}

const NEW_LINE = 10;
const OPENING_BRACE = 0x7b;

async function indexLines(path: string, { onProgress }: { onProgress?: ReadProgress }): Promise<RowIndex> {
  const totalBytes = await fileSize(path);
  if (totalBytes === 0) throw new Error(`${path}: the file is empty`);
  const spans: Spans = { starts: [], lengths: [], lines: [] };
  let line = 0;
  let offset = 0;
  let rest: Buffer[] = [];
  const take = (bytes: Buffer, start: number): void => {
    line++;
    // Most lines are told by their first byte; a blank one may hold any white space.
    if (bytes[0] !== OPENING_BRACE && lineText(bytes, line - 1) === "") return;
    addSpan(spans, start, bytes.length, line);
  };
  for await (const block of blocksOf(path)) {
    let from = 0;
    for (let at = block.indexOf(NEW_LINE); at >= 0; at = block.indexOf(NEW_LINE, from)) {
      const end = block.subarray(from, at);
      const bytes = rest.length === 0 ? end : Buffer.concat([...rest, end]);
      take(bytes, offset + at - bytes.length);
      rest = [];
      from = at + 1;
    }
    if (from < block.length) rest.push(Buffer.from(block.subarray(from)));
    offset += block.length;
    onProgress?.({ bytes: offset, totalBytes, rows: spans.starts.length });
  }
  const last = Buffer.concat(rest);
  if (last.length > 0) take(last, offset - last.length);
  if (spans.starts.length === 0) throw new Error(`${path}: there are no rows in the file`);
  return { path, ...indexOf(spans), bytes: null };
}

async function indexCopies(path: string, options: { onProgress?: ReadProgress }): Promise<RowIndex> {
  const spans: Spans = { starts: [], lengths: [], lines: [] };
  const texts: Buffer[] = [];
  let size = 0;
  for await (const { line, value } of readRows(path, options)) {
    const text = Buffer.from(JSON.stringify(value));
    addSpan(spans, size, text.length, line ?? 0);
    texts.push(text);
    size += text.length;
  }
  const bytes = new SharedArrayBuffer(size);
  const target = new Uint8Array(bytes);
  texts.forEach((text, row) => {
    target.set(text, spans.starts[row]);
  });
  return { path, ...indexOf(spans), bytes };
}

interface Spans {
  starts: number[];
  lengths: number[];
  lines: number[];
}

function addSpan(spans: Spans, start: number, length: number, line: number): void {
  spans.starts.push(start);
  spans.lengths.push(length);
  spans.lines.push(line);
}

function indexOf({ starts, lengths, lines }: Spans): Omit<RowIndex, "path" | "bytes"> {
  const rows = starts.length;
  const index = {
    rows,
    starts: new Float64Array(new SharedArrayBuffer(8 * rows)),
    lengths: new Uint32Array(new SharedArrayBuffer(4 * rows)),
    lines: new Uint32Array(new SharedArrayBuffer(4 * rows)),
  };
  index.starts.set(starts);
  index.lengths.set(lengths);
  index.lines.set(lines);
  return index;
}
