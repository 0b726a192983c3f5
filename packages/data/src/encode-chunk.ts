import { type EncodedRow, type Encoding, encodeRow } from "./encode.js";
import { type EncodedRows, flatten } from "./encoded-rows.js";
import type { RowReader } from "./row-index.js";

/** Rows `from` … `to`-1, or those before the first that has an error. */
export function encodeChunk(
  reader: RowReader,
  from: number,
  to: number,
  encoding: Encoding,
): EncodedRows & { error: string | null } {
  const rows: EncodedRow[] = [];
  let error: string | null = null;
  try {
    for (const { row, value } of reader.values(from, to)) {
      rows.push(encodeRow(value, reader.where(row), encoding));
    }
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  return { ...flatten(rows, reader.lines(from, from + rows.length)), error };
}
