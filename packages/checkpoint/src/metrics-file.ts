/** metrics.jsonl: one JSON object a line, only ever appended to, and cut back to a checkpoint's length on resume. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { writeFully } from "./atomic.js";
import type { JsonValue } from "./json.js";
import { writeError } from "./write-error.js";

const NEWLINE = 0x0a;

export class MetricsFile {
  readonly path: string;
  readonly #what: string;
  #descriptor: number;
  #byteLength: number;

  /**
   * Opens the file for appending; creates it where absent.
   * @param what a line of it in words, for errors
   */
  constructor(path: string, what = "a line of metrics") {
    this.path = path;
    this.#what = what;
    try {
      this.#descriptor = openSync(path, "a+");
    } catch (error) {
      throw writeError(error, basename(path), path);
    }
    this.#byteLength = fstatSync(this.#descriptor).size;
  }

  /** Bytes of all lines so far; a checkpoint records it after `flush`. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * The line is with the operating system when this returns, so it outlasts our own death. NaN and infinities become
   * null, numbers else keep their full precision.
   * @throws Error of one line where it cannot be written; no part of it is then in the file.
   */
  append(line: JsonValue): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`, "utf8");
    try {
      writeFully(this.#descriptor, bytes);
    } catch (error) {
      if (fstatSync(this.#descriptor).isFile()) ftruncateSync(this.#descriptor, this.#byteLength);
      throw writeError(error, this.#what, this.path, bytes.byteLength);
    }
    this.#byteLength += bytes.byteLength;
  }

  /** Returns when all lines are on the disk, and so outlast a power cut. */
  flush(): void {
    try {
      fsyncSync(this.#descriptor);
    } catch (error) {
      throw writeError(error, this.#what, this.path);
    }
  }

  /**
   * Drops the lines after the first `byteLength` bytes: steps that will be taken again.
   * @throws Error of one line where the file is shorter, or no line ends there.
   */
  truncateTo(byteLength: number): void {
    if (byteLength > this.#byteLength) {
      throw new Error(
        `${this.path}: has ${this.#byteLength} bytes, the checkpoint was taken at ${byteLength}; put the file back or resume from an earlier checkpoint`,
      );
    }
    if (byteLength > 0) {
      const last = Buffer.alloc(1);
      readSync(this.#descriptor, last, 0, 1, byteLength - 1);
      if (last[0] !== NEWLINE) {
        throw new Error(
          `${this.path}: no line ends at byte ${byteLength}, where the checkpoint was taken; put the file back or resume from an earlier checkpoint`,
        );
      }
    }
    ftruncateSync(this.#descriptor, byteLength);
    this.#byteLength = byteLength;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
