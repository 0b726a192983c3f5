import { shuffled } from "./random.js";

/**
 * Sets examples aside for evaluation, drawn evenly over the file. Held are min(maxRows, round(fraction · count)) examples
 * and never all of them; every other example trains, so a small `maxRows` costs no training data.
 *
 * @param options.fraction share of the examples, 0 (nothing is held out) up to but not including 1
 * @returns two ascending lists of indices that together are 0 … count-1
 */
export function splitHoldout(
  count: number,
  options: { fraction: number; maxRows: number; seed: number; name: string },
): { train: Uint32Array; held: Uint32Array } {
  const { fraction, maxRows, seed, name } = options;
  if (!(fraction >= 0 && fraction < 1))
    throw new Error(`${name}: holdout must be at least 0 and less than 1, not ${fraction}`);
  if (!Number.isInteger(maxRows) || maxRows < 0)
    throw new Error(`${name}: rows held out must be a whole number ≥ 0, not ${maxRows}`);
  const size = Math.max(0, Math.min(maxRows, Math.round(fraction * count), count - 1));
  const order = shuffled(count, seed, `${name}/holdout`, 0);
  return { train: order.slice(size).sort(), held: order.slice(0, size).sort() };
}
