/** Quality margins of preference pairs: how much better the chosen answer is than the rejected one, as the data say. */
import { describeRow, readRows } from "./readers.js";
import type { ReadProgress } from "./types.js";

/**
 * The field `margin` of every row of a file, those included that are no examples; by row number.
 *
 * @throws Error in one line naming file and row where a row has none, or it is no number; what `onProgress` throws ends it
 */
export async function readMargins(
  path: string,
  options: { onProgress?: ReadProgress } = {},
): Promise<Float64Array> {
  const margins: number[] = [];
  for await (const { row, line, value } of readRows(path, options)) {
    const margin = value["margin"];
    if (typeof margin !== "number" || !Number.isFinite(margin)) {
      const found = margin === undefined || margin === null ? "is missing" : "is not a finite number";
      throw new Error(
        `${describeRow(path, row, line)}: field "margin" ${found}; loss mmpo needs a number in every row that says how much better its chosen answer is`,
      );
    }
    margins.push(margin);
  }
  return Float64Array.from(margins);
}
