/**
 * Cached reference log-probs: one float64 per answer, kept on disk under a key of everything they depend on.
 * They are computed by the same kernels as training, and no result depends on how rows are packed, so that a
 * cached value equals a fresh one bit for bit.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { openSafetensors, recover, writeSafetensors } from "@outright/checkpoint";

/** Everything that reference log-probs depend on. */
export interface ReferenceKey {
  /** hash of the reference's weights, or of its config and seed where they are drawn */
  model: string;
  tokenizer: string;
  data: string;
  /** what a value's place in the file is: the row of the data file */
  index: "row";
  format: string;
  template: string;
  boundary: string;
  maxLength: number;
  truncate: string;
  identicalPairs: string;
  dtype: string;
  /** backend and matrix product */
  kernels: string;
}

export class ReferenceCache {
  readonly key: ReferenceKey;
  readonly path: string;
  readonly #described: string;
  /** log-prob of the answers of each row's example; NaN where there is none or it was not computed yet */
  readonly chosen: Float64Array;
  readonly rejected: Float64Array;

  /**
   * Opens the cache for a file of `rows` rows in `directory`, or starts an empty one.
   * @throws when the file there was made for something else or is damaged
   */
  constructor(directory: string, key: ReferenceKey, rows: number) {
    this.key = key;
    this.#described = JSON.stringify(key);
    const name = createHash("sha256").update(this.#described).digest("hex").slice(0, 32);
    this.path = join(directory, `${name}.safetensors`);
    this.chosen = new Float64Array(rows).fill(Number.NaN);
    this.rejected = new Float64Array(rows).fill(Number.NaN);
    if (existsSync(this.path)) this.#load();
  }

  /** The rows among `wanted` that are not there yet. */
  missing(wanted: Iterable<number>): number[] {
    return [...new Set(wanted)].filter((index) => Number.isNaN(this.chosen[index] ?? Number.NaN));
  }

  /** float64[2P]: chosen and rejected of each index in turn. @throws when one was not computed */
  lookUp(indices: readonly number[]): Float64Array {
    const values = new Float64Array(2 * indices.length);
    indices.forEach((index, p) => {
      values[2 * p] = this.chosen[index] ?? Number.NaN;
      values[2 * p + 1] = this.rejected[index] ?? Number.NaN;
      if (Number.isNaN(values[2 * p])) throw new Error(`no reference log-prob of row ${index} was computed`);
    });
    return values;
  }

  /** Replaces the file in one stroke; removes what processes left that were killed while they did so. */
  save(): void {
    const directory = dirname(this.path);
    mkdirSync(directory, { recursive: true });
    recover(directory);
    const shape = [this.chosen.length];
    writeSafetensors(
      this.path,
      [
        { name: "chosen", dtype: "F64", shape, data: () => this.chosen },
        { name: "rejected", dtype: "F64", shape, data: () => this.rejected },
      ],
      { key: this.#described },
    );
  }

  #load(): void {
    const file = openSafetensors(this.path);
    try {
      if (file.metadata["key"] !== this.#described) {
        throw new Error(
          `${this.path}: these reference log-probs were made for something else; delete the file`,
        );
      }
      for (const [name, target] of [
        ["chosen", this.chosen],
        ["rejected", this.rejected],
      ] as const) {
        const raw = file.readRaw(name);
        if (raw.byteLength !== target.byteLength) {
          throw new Error(
            `${this.path}: holds ${raw.byteLength / 8} rows, the data has ${target.length}; delete the file`,
          );
        }
        new Uint8Array(target.buffer).set(raw);
      }
    } finally {
      file.close();
    }
  }
}
