/**
 * The header of a safetensors file: 8 bytes of length, then JSON `{name: {dtype, shape, data_offsets}}`, then the data.
 * Everything a damaged or hostile file could claim is checked here, before any data is read.
 */
import { DTYPE_BYTES, type Dtype, isDtype } from "./dtype.js";
import { isJsonObject, type JsonValue, parseJsonObject } from "./json.js";

/** A tensor in a file. `begin` and `end` are bytes from the start of the file's tensor data. */
export interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes in front of the header: its length as an unsigned 64-bit number. */
export const LENGTH_BYTES = 8;
/** The limit of the reference implementation, 100 MB. */
export const LARGEST_HEADER_BYTES = 100_000_000;

/**
 * @param dataBytes bytes of the file after the header.
 * @throws Error of one line that names the file and the tensor.
 */
export function parseHeader(text: string, dataBytes: number, path: string): SafetensorsHeader {
  if (!text.startsWith("{")) throw damaged(path, "its header does not begin with {");
  const { __metadata__, ...entries } = parseJsonObject(text, `${path}: the safetensors header`);
  const metadata = parseMetadata(__metadata__, path);
  const infos = Object.entries(entries).map(
    ([name, entry]) => [name, parseTensor(name, entry, path)] as const,
  );
  infos.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);

  let expected = 0;
  for (const [name, { begin, end }] of infos) {
    if (begin < expected) throw damaged(path, `tensor "${name}" overlaps the one before it`);
    if (begin > expected)
      throw damaged(path, `there is a gap of ${begin - expected} bytes before tensor "${name}"`);
    if (end > dataBytes) {
      throw damaged(
        path,
        `tensor "${name}" ends at byte ${end} of the data, but there are only ${dataBytes} (truncated?)`,
      );
    }
    expected = end;
  }
  if (expected < dataBytes) throw damaged(path, `${dataBytes - expected} bytes follow the last tensor`);
  return { tensors: new Map(infos), metadata };
}

function parseMetadata(value: JsonValue | undefined, path: string): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value) || Object.values(value).some((entry) => typeof entry !== "string")) {
    throw damaged(path, "its __metadata__ is not an object of strings");
  }
  return value as Record<string, string>;
}

function parseTensor(name: string, entry: JsonValue, path: string): TensorInfo {
  if (!isJsonObject(entry)) throw damaged(path, `the header's entry of tensor "${name}" is not an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  for (const key of ["dtype", "shape", "data_offsets"]) {
    if (entry[key] === undefined) throw damaged(path, `tensor "${name}" has no ${key}`);
  }
  if (!isDtype(dtype)) {
    throw new Error(
      `${path}: tensor "${name}" has the unknown dtype ${JSON.stringify(dtype)}; known are ${Object.keys(DTYPE_BYTES).join(", ")}`,
    );
  }
  if (!isCounts(shape))
    throw damaged(path, `tensor "${name}" has the impossible shape ${JSON.stringify(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw damaged(path, `tensor "${name}" has the impossible data_offsets ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = byteSize(dtype, shape);
  if (end < begin || end - begin !== bytes) {
    throw damaged(
      path,
      `tensor "${name}" of ${dtype} [${shape}] takes ${bytes} bytes, its data_offsets [${begin}, ${end}] give ${end - begin}`,
    );
  }
  return { dtype, shape, begin, end };
}

function isCounts(value: JsonValue | undefined): value is number[] {
  return (
    Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && (count as number) >= 0)
  );
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function byteSize(dtype: Dtype, shape: readonly number[]): number {
  return elementCount(shape) * DTYPE_BYTES[dtype];
}

export function damaged(path: string, what: string): Error {
  return new Error(`${path}: not a sound safetensors file: ${what}; copy or download it again`);
}

/** The header's bytes, its length in front; padded with spaces so that the data begin at a multiple of 8. */
export function encodeHeader(
  tensors: Iterable<{ name: string; dtype: Dtype; shape: readonly number[] }>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  // Entries are written one by one: as an object's keys, names such as "0" would change places.
  const entries = Object.keys(metadata).length === 0 ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  let begin = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = begin + byteSize(dtype, shape);
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
    begin = end;
  }
  const json = Buffer.from(`{${entries.join(",")}}`, "utf8");
  const padded = Math.ceil(json.byteLength / 8) * 8;
  const header = Buffer.alloc(LENGTH_BYTES + padded, " ");
  header.writeBigUInt64LE(BigInt(padded), 0);
  header.set(json, LENGTH_BYTES);
  return header;
}
