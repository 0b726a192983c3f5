import { shuffled } from "./random.js";

/**
 * Sets rows aside for evaluation, drawn evenly over the file: in a shuffled order, dropped rows passed over, the first
 * min(maxRows, round(fraction · count)), though never all; every other row trains, so a small `maxRows` costs no training data.
 *
 * @param count rows of the file, dropped ones included
 * @param options.fraction share of the rows, 0 (nothing is held out) up to but not including 1
 * @param isKept whether a row is an example; asked of as few rows as need be
 * @returns two ascending lists that together are 0 … count-1. Rows that are not kept are in `train`, where a stream passes over them
 */
export function splitHoldout(
  count: number,
  options: { fraction: number; maxRows: number; seed: number; name: string },
  isKept: (row: number) => boolean = () => true,
): { train: Uint32Array; held: Uint32Array } {
  const { fraction, maxRows, seed, name } = options;
  if (!(fraction >= 0 && fraction < 1))
    throw new Error(`${name}: holdout must be at least 0 and less than 1, not ${fraction}`);
  if (!Number.isInteger(maxRows) || maxRows < 0)
    throw new Error(`${name}: rows held out must be a whole number ≥ 0, not ${maxRows}`);
  const size = Math.max(0, Math.min(maxRows, Math.round(fraction * count), count - 1));
  const order = shuffled(count, seed, `${name}/holdout`, 0);
  const held: number[] = [];
  let at = 0;
  for (; at < count && held.length < size; at++)
    if (isKept(order[at] as number)) held.push(order[at] as number);
  // Something must be left to train on.
  if (held.length > 0 && !order.subarray(at).some(isKept)) held.pop();
  const isHeld = new Set(held);
  return { train: order.filter((row) => !isHeld.has(row)).sort(), held: Uint32Array.from(held).sort() };
}
