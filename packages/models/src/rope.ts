/** Rotary tables: cosines and sines per position, made in float64 and stored as float32. */
import { type Device, keep, type RotaryTables, Tensor } from "@outright/tensor";
import type { RopeScaling } from "./config.js";

/**
 * Angular frequency of each of the R/2 rotated pairs, base^(−2i/R), after scaling.
 * "llama3" follows Llama 3.1: long wavelengths are divided by `factor`, short ones kept, those between blended.
 */
export function rotaryFrequencies(
  rotaryDims: number,
  base: number,
  scaling: RopeScaling | null,
): Float64Array {
  const plain = Float64Array.from({ length: rotaryDims / 2 }, (_, i) => base ** ((-2 * i) / rotaryDims));
  if (scaling === null) return plain;
  if (scaling.type === "linear") return plain.map((frequency) => frequency / scaling.factor);
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  return plain.map((frequency) => {
    const turns = (originalMaxPositions * frequency) / (2 * Math.PI);
    if (turns < lowFreqFactor) return frequency / factor;
    if (turns > highFreqFactor) return frequency;
    const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

/** Tables that grow with the longest row seen. */
export class RotaryCache {
  readonly #device: Device;
  readonly #frequencies: Float64Array;
  #tables: RotaryTables | null = null;

  constructor(device: Device, frequencies: Float64Array) {
    this.#device = device;
    this.#frequencies = frequencies;
  }

  /** Tables [P, R/2] with P > maxPosition. */
  upTo(maxPosition: number): RotaryTables {
    if (this.#tables !== null && (this.#tables.cos.shape[0] ?? 0) > maxPosition) return this.#tables;
    this.dispose();
    let rows = 256;
    while (rows <= maxPosition) rows *= 2;
    const half = this.#frequencies.length;
    const cos = new Float32Array(rows * half);
    const sin = new Float32Array(rows * half);
    for (let position = 0; position < rows; position++) {
      this.#frequencies.forEach((frequency, i) => {
        cos[position * half + i] = Math.cos(position * frequency);
        sin[position * half + i] = Math.sin(position * frequency);
      });
    }
    this.#tables = {
      cos: keep(Tensor.from(this.#device, cos, [rows, half])),
      sin: keep(Tensor.from(this.#device, sin, [rows, half])),
    };
    return this.#tables;
  }

  dispose(): void {
    this.#tables?.cos.dispose();
    this.#tables?.sin.dispose();
    this.#tables = null;
  }
}
