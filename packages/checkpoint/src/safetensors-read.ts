/** Reading safetensors files by ranges, so that no more than one tensor need ever be in memory. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { DTYPE_BYTES, type Dtype, widenBfloat16, widenFloat16 } from "./dtype.js";
import {
  damaged,
  elementCount,
  LARGEST_HEADER_BYTES,
  LENGTH_BYTES,
  parseHeader,
  type TensorInfo,
} from "./safetensors-header.js";

/** An open file; `close` it. Reading methods throw an Error of one line for unknown names and unfit dtypes. */
export interface SafetensorsFile {
  readonly path: string;
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  names(): string[];
  info(name: string): TensorInfo;
  /** F32, F16 and BF16 exactly; F64 rounded to nearest. Row-major, of the tensor's shape. */
  readFloat32(name: string): Float32Array;
  /** The same in parts, `at` being the index of a part's first element; a part is overwritten by the next. */
  eachFloat32(name: string, store: (part: Float32Array, at: number) => void): void;
  /** The same for reading several tensors in step: parts are equally long in every file, but for a tensor's last. */
  float32Parts(name: string): Iterable<Float32Array>;
  /** F64, F32, F16 and BF16, all exactly. */
  readFloat64(name: string): Float64Array;
  /** I32, I16, I8, U16, U8, BOOL; I64, U32 and U64 where all values fit. */
  readInt32(name: string): Int32Array;
  /** The bytes as they are in the file. */
  readRaw(name: string): Uint8Array;
  close(): void;
}

/** Elements converted at a time; bounds the memory beyond the result. */
const CHUNK_ELEMENTS = 1 << 20;
/** Linux moves at most 2^31 - 4096 bytes in one call. */
const LARGEST_READ = 1 << 30;

/** @throws Error of one line where the file is missing or damaged. */
export function openSafetensors(path: string): SafetensorsFile {
  const descriptor = openForReading(path);
  try {
    const fileBytes = fstatSync(descriptor).size;
    if (fileBytes < LENGTH_BYTES) throw damaged(path, `it has ${fileBytes} bytes`);
    const length = Buffer.alloc(LENGTH_BYTES);
    readFully(descriptor, length, 0, path);
    const headerBytes = length.readBigUInt64LE(0);
    if (headerBytes > LARGEST_HEADER_BYTES || headerBytes > fileBytes - LENGTH_BYTES) {
      throw damaged(path, `its header claims ${headerBytes} bytes in a file of ${fileBytes}`);
    }
    const header = Buffer.alloc(Number(headerBytes));
    readFully(descriptor, header, LENGTH_BYTES, path);
    const dataStart = LENGTH_BYTES + header.byteLength;
    const { tensors, metadata } = parseHeader(header.toString("utf8"), fileBytes - dataStart, path);
    return new OpenFile(path, descriptor, dataStart, tensors, metadata);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

class OpenFile implements SafetensorsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #dataStart: number;
  #descriptor: number | null;

  constructor(
    path: string,
    descriptor: number,
    dataStart: number,
    tensors: ReadonlyMap<string, TensorInfo>,
    metadata: Readonly<Record<string, string>>,
  ) {
    this.path = path;
    this.tensors = tensors;
    this.metadata = metadata;
    this.#descriptor = descriptor;
    this.#dataStart = dataStart;
  }

  names(): string[] {
    return [...this.tensors.keys()];
  }

  info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (info === undefined) throw new Error(`${this.path}: there is no tensor "${name}" in it`);
    return info;
  }

  readFloat32(name: string): Float32Array {
    const info = this.info(name);
    const values = new Float32Array(elementCount(info.shape));
    if (info.dtype === "F32") this.#read(info.begin, values);
    else this.eachFloat32(name, (part, at) => values.set(part, at));
    return values;
  }

  eachFloat32(name: string, store: (part: Float32Array, at: number) => void): void {
    let at = 0;
    for (const part of this.float32Parts(name)) {
      store(part, at);
      at += part.length;
    }
  }

  *float32Parts(name: string): Generator<Float32Array> {
    const info = this.info(name);
    if (info.dtype === "F32") yield* this.#parts(info, Float32Array);
    else if (info.dtype === "F64")
      for (const part of this.#parts(info, Float64Array)) yield new Float32Array(part);
    else yield* this.#widened(name, info);
  }

  readFloat64(name: string): Float64Array {
    const info = this.info(name);
    const values = new Float64Array(elementCount(info.shape));
    if (info.dtype === "F64") this.#read(info.begin, values);
    else this.eachFloat32(name, (part, at) => values.set(part, at));
    return values;
  }

  /** Halves in chunks, as float32. */
  *#widened(name: string, info: TensorInfo): Generator<Float32Array> {
    const widen = WIDEN[info.dtype];
    if (widen === undefined) {
      throw new Error(
        `${this.path}: tensor "${name}" is ${info.dtype}, needed is one of F32, F16, BF16, F64`,
      );
    }
    const wide = new Float32Array(Math.min(CHUNK_ELEMENTS, elementCount(info.shape)));
    for (const part of this.#parts(info, Uint16Array)) {
      const target = wide.subarray(0, part.length);
      widen(part, target);
      yield target;
    }
  }

  readInt32(name: string): Int32Array {
    const info = this.info(name);
    const values = new Int32Array(elementCount(info.shape));
    const array = INTEGERS[info.dtype];
    if (array === undefined) {
      throw new Error(`${this.path}: tensor "${name}" is ${info.dtype}, needed is a type of integers`);
    }
    let at = 0;
    for (const part of this.#parts<IntegerArray>(info, array)) {
      for (let i = 0; i < part.length; i++, at++) {
        const value = Number(part[i]);
        values[at] = value;
        if (values[at] !== value) {
          throw new Error(`${this.path}: tensor "${name}" holds ${part[i]}, which does not fit 32 bits`);
        }
      }
    }
    return values;
  }

  readRaw(name: string): Uint8Array {
    const info = this.info(name);
    const bytes = new Uint8Array(info.end - info.begin);
    this.#read(info.begin, bytes);
    return bytes;
  }

  /** Reads a tensor in chunks of the file's own type, one after another into the same array. */
  *#parts<A extends NodeJS.ArrayBufferView & { length: number; subarray(begin: number, end: number): A }>(
    { dtype, shape, begin }: TensorInfo,
    FileArray: new (length: number) => A,
  ): Generator<A> {
    const count = elementCount(shape);
    const chunk = new FileArray(Math.min(CHUNK_ELEMENTS, count));
    for (let at = 0; at < count; at += CHUNK_ELEMENTS) {
      const part = chunk.subarray(0, Math.min(CHUNK_ELEMENTS, count - at));
      this.#read(begin + at * DTYPE_BYTES[dtype], part);
      yield part;
    }
  }

  #read(begin: number, into: NodeJS.ArrayBufferView): void {
    if (this.#descriptor === null) throw new Error(`${this.path}: is closed already`);
    readFully(this.#descriptor, into, this.#dataStart + begin, this.path);
  }

  close(): void {
    if (this.#descriptor === null) return;
    closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

const WIDEN: Partial<Record<Dtype, (bits: Uint16Array, into: Float32Array) => void>> = {
  F16: widenFloat16,
  BF16: widenBfloat16,
};

type IntegerArray = NodeJS.ArrayBufferView & {
  length: number;
  [index: number]: number | bigint;
  subarray(begin: number, end: number): IntegerArray;
};

const INTEGERS: Partial<Record<Dtype, new (length: number) => IntegerArray>> = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  U16: Uint16Array,
  I16: Int16Array,
  U32: Uint32Array,
  I32: Int32Array,
  U64: BigUint64Array,
  I64: BigInt64Array,
};

function openForReading(path: string): number {
  try {
    const descriptor = openSync(path, "r");
    if (fstatSync(descriptor).isFile()) return descriptor;
    closeSync(descriptor);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new Error(`${path}: there is no such file`);
    if (code === "EACCES") throw new Error(`${path}: may not be read (permission denied)`);
    throw new Error(`${path}: cannot be opened: ${message}`);
  }
  throw new Error(`${path}: is not a file`);
}

function readFully(descriptor: number, into: NodeJS.ArrayBufferView, position: number, path: string): void {
  let done = 0;
  while (done < into.byteLength) {
    const length = Math.min(into.byteLength - done, LARGEST_READ);
    const count = readSync(descriptor, into, done, length, position + done);
    if (count === 0) throw damaged(path, `it ends at byte ${position + done}, while it is being read`);
    done += count;
  }
}
