/**
 * Encoded rows on disk: ids end to end, then `NUMBERS` numbers a row, both as little-endian int32, then a line of JSON
 * that says what they are, its length and a mark. Node maps no files into memory; ids are read at their place in the file, which the
 * system keeps in its page cache, and only the numbers of the rows are in ours.
 *
 * A file is written beside its place under a name of its own, flushed and renamed, so that any number of processes may write
 * the same one, and what carries the right name is whole.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { threadId } from "node:worker_threads";
import { NUMBERS } from "./encoded-rows.js";

/** Everything that encoded rows depend on. */
export interface TokenFileKey {
  /** of the file's layout and of the rules by which a row becomes ids; raised when either changes */
  version: 1;
  /** sha256 of the data file */
  data: string;
  tokenizer: string;
  format: string;
  template: string;
  boundary: string;
}

/** Where in `directory` the file of a key is. */
export function tokenFilePath(directory: string, key: TokenFileKey): string {
  const name = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 32);
  return join(directory, `${name}.tokens`);
}

const MARK = Buffer.from("OUTRTOK1");
const BLOCK = 1 << 22;
/** Ids read ahead. */
const AHEAD = 1 << 15;

interface Description {
  key: string;
  rows: number;
  tokens: number;
  /** of all that stands before the description */
  sha256: string;
}

/** A finished file. */
export class TokenFile {
  readonly numbers: Int32Array<ArrayBuffer>;
  readonly #file: number;
  readonly #ids: IdReader;

  private constructor(file: number, numbers: Int32Array<ArrayBuffer>) {
    this.#file = file;
    this.#ids = new IdReader(file);
    this.numbers = numbers;
  }

  /**
   * Opens the file of a key and checks all of its bytes.
   * @returns null where there is none
   * @throws Error in one line where it is damaged, was made for something else or cannot be read
   */
  static async open(path: string, key: TokenFileKey): Promise<TokenFile | null> {
    let file: number;
    try {
      file = openSync(path, "r");
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes((error as { code?: string }).code ?? "")) return null;
      throw new Error(oneLine(error));
    }
    try {
      return new TokenFile(file, await checkedNumbers(file, key));
    } catch (error) {
      closeSync(file);
      throw new Error(oneLine(error));
    }
  }

  /** `count` ids from the `from`-th on. */
  read(from: number, count: number): Int32Array {
    return this.#ids.read(from, count);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** A file being written; what is already there can be read. */
export class TokenFileWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: number;
  readonly #hash = createHash("sha256");
  /** the uppermost folder that had to be made */
  readonly #made: string | undefined;
  #tokens = 0;
  #renamed = false;

  /** @throws the system's error where the directory or the file cannot be made */
  constructor(path: string) {
    this.#path = path;
    this.#made = mkdirSync(dirname(path), { recursive: true });
    removeAbandoned(dirname(path));
    this.#temporary = temporaryName(path);
    this.#file = openSync(this.#temporary, "w+");
  }

  /** @throws the system's error, such as of a full disk; what was written before can still be read */
  append(ids: Int32Array): void {
    this.#write(ids);
    this.#tokens += ids.length;
  }

  /** Writes the rows' numbers and gives the file its name. @throws the system's error */
  finish(key: TokenFileKey, numbers: Int32Array): void {
    this.#write(numbers);
    const description: Description = {
      key: JSON.stringify(key),
      rows: numbers.length / NUMBERS,
      tokens: this.#tokens,
      sha256: this.#hash.digest("hex"),
    };
    const json = Buffer.from(`${JSON.stringify(description)}\n`);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(json.length);
    writeFully(this.#file, Buffer.concat([json, length, MARK]), this.#end(numbers.length));
    fsyncSync(this.#file);
    renameSync(this.#temporary, this.#path);
    this.#renamed = true;
    flushDirectory(dirname(this.#path));
  }

  read(from: number, count: number): Int32Array {
    return readIds(this.#file, from, count);
  }

  /** Without `finish` nothing is left of the file. */
  close(): void {
    closeSync(this.#file);
    if (this.#renamed) return;
    rmSync(this.#temporary, { force: true });
    if (this.#made !== undefined) removeEmpty(dirname(this.#path), this.#made);
  }

  #write(values: Int32Array): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    writeFully(this.#file, bytes, this.#end(0));
    this.#hash.update(bytes);
  }

  #end(numbers: number): number {
    return 4 * (this.#tokens + numbers);
  }
}

async function checkedNumbers(file: number, key: TokenFileKey): Promise<Int32Array<ArrayBuffer>> {
  const { size } = fstatSync(file);
  const tail = readBytes(file, Math.max(0, size - 12), Math.min(12, size));
  if (!tail.subarray(4).equals(MARK)) throw new Error("it is damaged or not a token file");
  const jsonLength = tail.readUInt32LE(0);
  const end = size - 12 - jsonLength;
  if (end < 0) throw new Error("it is damaged");
  let description: Description;
  try {
    description = JSON.parse(readBytes(file, end, jsonLength).toString("utf8")) as Description;
  } catch {
    throw new Error("it is damaged");
  }
  if (description.key !== JSON.stringify(key)) throw new Error("it was made for something else");
  const { rows, tokens, sha256 } = description;
  if (end !== 4 * (tokens + NUMBERS * rows)) throw new Error("it is damaged");
  const hash = createHash("sha256");
  for (let at = 0; at < end; at += BLOCK) {
    hash.update(readBytes(file, at, Math.min(BLOCK, end - at)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (hash.digest("hex") !== sha256) throw new Error("it is damaged");
  return readIds(file, tokens, NUMBERS * rows);
}

/** Ids asked for one after another, as by a walk over the whole file, are read ahead. */
class IdReader {
  readonly #file: number;
  readonly #end: number;
  #block = new Int32Array(0);
  /** where the block stands in the file, and where the last request ended */
  #start = 0;
  #last = 0;

  constructor(file: number) {
    this.#file = file;
    this.#end = Math.floor(fstatSync(file).size / 4);
  }

  read(from: number, count: number): Int32Array {
    const isNext = from === this.#last;
    this.#last = from + count;
    if (from < this.#start || from + count > this.#start + this.#block.length) {
      if (!isNext) return readIds(this.#file, from, count);
      const ahead = Math.min(AHEAD, this.#end - from);
      this.#block = readIds(this.#file, from, Math.max(count, ahead));
      this.#start = from;
    }
    return this.#block.subarray(from - this.#start, from - this.#start + count);
  }
}

function readIds(file: number, from: number, count: number): Int32Array<ArrayBuffer> {
  const ids = new Int32Array(count);
  fill(file, new Uint8Array(ids.buffer), 4 * from);
  return ids;
}

function readBytes(file: number, from: number, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  fill(file, bytes, from);
  return bytes;
}

function fill(file: number, bytes: Uint8Array, from: number): void {
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(file, bytes, done, bytes.length - done, from + done);
    if (read === 0) throw new Error("it is shorter than it should be");
    done += read;
  }
}

function writeFully(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, at + done);
  }
}

const UNFINISHED = /^\..+\.(\d+)-\d+-\d+\.unfinished$/;
let writers = 0;

/** No other process, thread or writer has this name. */
function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${threadId}-${writers++}.unfinished`);
}

/** Deletes what processes left that were killed while they wrote. */
function removeAbandoned(directory: string): void {
  for (const name of readdirSync(directory)) {
    const owner = Number(UNFINISHED.exec(name)?.[1]);
    if (Number.isNaN(owner) || (owner !== process.pid && isAlive(owner))) continue;
    const path = join(directory, name);
    // With our own id it is another thread's, unless it was there before us: ids come again.
    const begun = Date.now() - 1000 * process.uptime();
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (owner !== process.pid || changed < begun) rmSync(path, { force: true });
  }
}

/** Removes `directory` and what is above it up to `top`, as far as they are empty. */
function removeEmpty(directory: string, top: string): void {
  try {
    for (let folder = resolve(directory); folder.length >= resolve(top).length; folder = dirname(folder)) {
      rmdirSync(folder);
    }
  } catch {
    // Somebody else uses it.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Makes a rename outlast a power cut; Windows offers nothing of the kind. */
function flushDirectory(directory: string): void {
  if (process.platform === "win32") return;
  const file = openSync(directory, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function oneLine(error: unknown): string {
  return (error as Error).message.replace(/\s+/g, " ");
}
