/** Bytes that are too many for memory and that nobody needs after this process: a file without a name. */
import { closeSync, openSync, readSync, rmSync } from "node:fs";
import { writeFully } from "./atomic.js";
import { writeError } from "./write-error.js";

export class ScratchFile {
  readonly #path: string;
  readonly #what: string;
  #descriptor: number | null;
  #bytes = 0;

  /**
   * Its name is taken away at once, so that a killed process leaves nothing (where a system does not allow that, `close`
   * does it).
   * @param what it holds, in words, and what to do without it, for the error where it cannot be written
   * @throws Error of one line
   */
  constructor(path: string, what: string) {
    this.#path = path;
    this.#what = what;
    try {
      this.#descriptor = openSync(path, "w+");
    } catch (error) {
      throw writeError(error, what, path);
    }
    this.#unname();
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns where it begins. @throws Error of one line, as where the disk is full */
  append(data: ArrayBufferView): number {
    const from = this.#bytes;
    try {
      writeFully(this.#open(), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    } catch (error) {
      throw writeError(error, this.#what, this.#path, data.byteLength);
    }
    this.#bytes += data.byteLength;
    return from;
  }

  /** Fills `into` with what was written at `from`. */
  read(from: number, into: NodeJS.ArrayBufferView): void {
    let done = 0;
    while (done < into.byteLength) {
      const count = readSync(this.#open(), into, done, into.byteLength - done, from + done);
      if (count === 0) throw new Error(`${this.#path}: ends at byte ${from + done}, while it is being read`);
      done += count;
    }
  }

  close(): void {
    if (this.#descriptor === null) return;
    closeSync(this.#descriptor);
    this.#descriptor = null;
    this.#unname();
  }

  #open(): number {
    if (this.#descriptor === null) throw new Error(`${this.#path}: is closed already`);
    return this.#descriptor;
  }

  #unname(): void {
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // in use, on systems that keep such a file's name
    }
  }
}
