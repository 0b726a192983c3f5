import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

/** Reference numbers of tiny models, part of this repository. */
export const GOLDENS = fileURLToPath(new URL("../../../test/goldens/", import.meta.url));

const REAL_DATA =
  process.env["OUTRIGHT_TEST_DATA"] ?? fileURLToPath(new URL("../../../../shared/data/", import.meta.url));

/** A file or folder of the real data sets, or null where they are not at hand. */
export function realData(path: string): string | null {
  const full = join(REAL_DATA, path);
  return existsSync(full) ? full : null;
}

/** Of this test file; removed after its tests. */
const root = mkdtempSync(join(tmpdir(), "outright-data-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A fresh directory that is removed after the file's tests. */
export const temporaryFolder = (): string => mkdtempSync(join(root, "folder-"));

/** Writes a file into a fresh temporary directory and gives its path. */
export function temporary(name: string, content: string | Uint8Array): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

/** Rows as a .jsonl file. */
export function jsonl(rows: readonly unknown[], name = "rows.jsonl"): string {
  return temporary(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

/** The int32 tensors of a safetensors file, row by row. */
export function integerRows(path: string): (name: string) => number[][] {
  const bytes = readFileSync(path);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerLength)) as Record<
    string,
    { dtype: string; shape: [number, number]; data_offsets: [number, number] }
  >;
  return (name) => {
    const tensor = header[name];
    if (tensor?.dtype !== "I32") throw new Error(`${name} is not an int32 tensor of ${path}`);
    const [rows, columns] = tensor.shape;
    const at = (row: number, column: number) =>
      bytes.readInt32LE(8 + headerLength + tensor.data_offsets[0] + 4 * (row * columns + column));
    return Array.from({ length: rows }, (_, row) =>
      Array.from({ length: columns }, (_, column) => at(row, column)),
    );
  };
}

/** All that an async iterable gives. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}
