/** Writing safetensors files tensor by tensor, so that no more than one need ever be in memory. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { writeAtomic } from "./atomic.js";
import { DTYPE_BYTES, type Dtype, roundToBfloat16 } from "./dtype.js";
import { byteSize, elementCount, encodeHeader } from "./safetensors-header.js";

export type TensorArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** A tensor to write. */
export interface TensorSource {
  name: string;
  dtype: Dtype;
  /** [] is a scalar. */
  shape: readonly number[];
  /**
   * Called once, when this tensor's turn has come; row-major. F32: Float32Array or (rounded) Float64Array. BF16:
   * Float32Array, rounded to nearest, ties to even. F64: Float64Array or Float32Array. I32: Int32Array. Any dtype:
   * a Uint8Array with the bytes of the file. Or the same in parts: each is written before the next is asked for.
   */
  data: () => TensorArray | Iterable<TensorArray>;
}

export interface WrittenFile {
  bytes: number;
  /** Of the whole file, in hexadecimal digits. */
  sha256: string;
}

/** Elements converted at a time. */
const CHUNK_ELEMENTS = 1 << 20;

/**
 * Writes the file atomically: it is complete and flushed, or as it was before. The data have the order given, but that
 * wider elements come before narrower ones, as in the reference implementation: so all are aligned to their size.
 * @throws Error of one line where names repeat, data do not fit their shape, or the file cannot be written.
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<TensorSource>,
  metadata: Readonly<Record<string, string>> = {},
): WrittenFile {
  const sources = [...tensors].sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]);
  checkNamesAndShapes(sources, path);
  const header = encodeHeader(sources, metadata);
  const bytes = sources.reduce((sum, { dtype, shape }) => sum + byteSize(dtype, shape), header.byteLength);
  const hash = createHash("sha256");
  writeAtomic(path, basename(path), bytes, (write) => {
    const append = (chunk: Uint8Array) => {
      hash.update(chunk);
      write(chunk);
    };
    append(header);
    for (const source of sources) appendTensor(source, path, append);
  });
  return { bytes, sha256: hash.digest("hex") };
}

function checkNamesAndShapes(sources: readonly TensorSource[], path: string): void {
  const names = new Set<string>();
  for (const { name, shape } of sources) {
    if (name === "__metadata__") throw new Error(`${path}: no tensor may be called __metadata__`);
    if (names.has(name)) throw new Error(`${path}: tensor "${name}" is given twice`);
    names.add(name);
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      throw new Error(`${path}: tensor "${name}" has the impossible shape [${shape}]`);
    }
  }
}

function appendTensor(source: TensorSource, path: string, append: (chunk: Uint8Array) => void): void {
  const { name, dtype, shape } = source;
  const data = source.data();
  let given = 0;
  let isRaw = false;
  for (const part of ArrayBuffer.isView(data) ? [data] : data) {
    isRaw = part instanceof Uint8Array;
    given += part.length;
    appendPart(source, part, path, append);
  }
  const expected = isRaw ? byteSize(dtype, shape) : elementCount(shape);
  if (given !== expected) {
    throw new Error(
      `${path}: tensor "${name}" of ${dtype} [${shape}] needs ${expected} ${isRaw ? "bytes" : "elements"}, ${given} are given`,
    );
  }
}

function appendPart(
  { name, dtype }: TensorSource,
  data: TensorArray,
  path: string,
  append: (chunk: Uint8Array) => void,
): void {
  if (
    data instanceof Uint8Array ||
    (dtype === "F32" && data instanceof Float32Array) ||
    (dtype === "I32" && data instanceof Int32Array) ||
    (dtype === "F64" && data instanceof Float64Array)
  ) {
    append(bytesOf(data));
  } else if (dtype === "F32" && data instanceof Float64Array) {
    eachChunk(data, (part) => append(bytesOf(Float32Array.from(part))));
  } else if (dtype === "F64" && data instanceof Float32Array) {
    eachChunk(data, (part) => append(bytesOf(Float64Array.from(part))));
  } else if (dtype === "BF16" && data instanceof Float32Array) {
    eachChunk(data, (part) => {
      const rounded = new Uint16Array(part.length);
      roundToBfloat16(part, rounded);
      append(bytesOf(rounded));
    });
  } else {
    throw new Error(
      `${path}: tensor "${name}": ${data.constructor.name} cannot be written as ${dtype}; give the file's bytes as a Uint8Array`,
    );
  }
}

function eachChunk<A extends Float32Array | Float64Array>(data: A, store: (part: A) => void): void {
  for (let at = 0; at < data.length; at += CHUNK_ELEMENTS) store(data.subarray(at, at + CHUNK_ELEMENTS) as A);
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
