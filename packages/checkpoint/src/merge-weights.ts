/** How much each model counts in the average, tensor by tensor. */

/**
 * α of each block of layers, in [0, 1]: by index, the others taking the general α, or straight from the first block's to
 * the last one's.
 */
export type BlockAlpha = { at: Readonly<Record<number, number>> } | { from: number; to: number };

/** One number of 0 or more for each model, or α for two of them: (1 − α) · first + α · second. */
export type MergeWeights =
  | { weights: readonly number[] }
  | {
      alpha: number;
      /** of two models; tensors outside of blocks (embedding, last norm, head) take `alpha` */
      blockAlpha?: BlockAlpha | undefined;
    };

/** Index of the block that a tensor belongs to: the first part of its name that is a number ("model.layers.3.…"). */
export function blockOf(name: string): number | null {
  const digits = /(?:^|\.)(\d+)(?=\.)/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

/**
 * @param models how many there are
 * @param names of all tensors
 * @returns by a tensor's name, the models' weights, of sum 1
 * @throws Error of one line, with `weights`, `alpha` or `block alpha` in front
 */
export function mergeWeights(
  given: MergeWeights,
  models: number,
  names: readonly string[],
): (name: string) => readonly number[] {
  if ("weights" in given) {
    const shares = normalised(given.weights, models);
    return () => shares;
  }
  const { alpha, blockAlpha } = given;
  if (models !== 2)
    throw new Error(`alpha: mixes two models, ${models} are given; use weights, one for each`);
  refuseNoShare(alpha, "alpha");
  const blocks = names.reduce((count, name) => Math.max(count, (blockOf(name) ?? -1) + 1), 0);
  const ofBlock = blockAlphas(blockAlpha ?? { at: {} }, alpha, blocks);
  return (name) => {
    const block = blockOf(name);
    const share = block === null ? alpha : (ofBlock[block] as number);
    return [1 - share, share];
  };
}

function normalised(weights: readonly number[], models: number): readonly number[] {
  if (weights.length !== models)
    throw new Error(`weights: ${weights.length} given for ${models} models; give one for each`);
  const wrong = weights.find((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
  if (wrong !== undefined) throw new Error(`weights: ${wrong} is not a number of 0 or more`);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (!(sum > 0)) throw new Error("weights: all are 0; give at least one model a weight above 0");
  return sum === 1 ? weights : weights.map((weight) => weight / sum);
}

function blockAlphas(given: BlockAlpha, alpha: number, blocks: number): number[] {
  if ("from" in given) {
    refuseNoShare(given.from, "block alpha");
    refuseNoShare(given.to, "block alpha");
    const { from, to } = given;
    if (blocks === 0) throw new Error("block alpha: these models have no blocks of layers");
    // both ends exactly, a single block halfway
    const along = (i: number) => (blocks === 1 ? 0.5 : i / (blocks - 1));
    return Array.from({ length: blocks }, (_, i) => (1 - along(i)) * from + along(i) * to);
  }
  const values = new Array<number>(blocks).fill(alpha);
  for (const [key, value] of Object.entries(given.at)) {
    const block = Number(key);
    refuseNoShare(value, `block alpha of block ${key}`);
    if (!Number.isInteger(block) || block < 0 || block >= blocks) {
      const there = blocks === 0 ? "have no blocks of layers" : `have blocks 0 to ${blocks - 1}`;
      throw new Error(`block alpha: there is no block ${key}; these models ${there}`);
    }
    values[block] = value;
  }
  return values;
}

function refuseNoShare(value: number, what: string): void {
  if (!(value >= 0 && value <= 1)) throw new Error(`${what}: ${value} is not a number from 0 to 1`);
}
