/** The examples of one objective: which rows it trains on, and which are held out. */
import { dirname, join } from "node:path";
import {
  type DatasetOptions,
  ExampleStream,
  type Examples,
  openExamples,
  type PairExample,
  type SftExample,
  splitHoldout,
  type Tokenizer,
} from "@outright/data";
import type { ObjectiveConfig, RunConfig } from "./config/index.js";
import type { Tokenising } from "./tokenising.js";

export interface ObjectiveData<Example> {
  train: Examples<Example>;
  /** the same file as `train`, unless the config names a held-out one */
  held: Examples<Example>;
  /** rows of `train` that are not held out; those that are dropped are among them, and passed over when met */
  trainIndices: Uint32Array;
  /** rows of `held`, all of them examples */
  heldIndices: Uint32Array;
  /** the training rows that are evaluated beside the held-out ones, all of them examples (`evaluate.trainRows`) */
  sliceIndices: Uint32Array;
}

/** So many rows are tokenised at once where they are needed; for more, the threads are waited for. */
export const FEW_ROWS = 2048;

/** How an objective's data is read: the same for training, for a dry run and for a preview. */
export function datasetOptions(
  objective: ObjectiveConfig,
  config: RunConfig,
  tokenizer: Tokenizer,
): DatasetOptions {
  return {
    kind: objective.kind,
    path: objective.data,
    format: objective.format,
    template: objective.template,
    boundary: objective.boundary,
    tokenizer,
    maxLength: config.maxLength,
    truncate: config.truncate,
    ...(objective.kind === "dpo" ? { identicalPairs: objective.identicalPairs } : {}),
  };
}

/** Where a run keeps encoded rows: beside the runs, so that all of them share it. */
export function tokenCache(config: RunConfig): string {
  return join(dirname(config.out), ".cache", "tokens");
}

/**
 * Opens an objective's files and chooses the rows to hold out. A large file that is not in the cache is still being tokenised when
 * this resolves; the rows chosen do not depend on how far that is.
 */
export async function loadObjectiveData(
  name: string,
  objective: ObjectiveConfig,
  config: RunConfig,
  tokenizer: Tokenizer,
  tokenising: Tokenising,
  warn: (message: string) => void,
  how: { cache?: string; threads?: number } = { cache: tokenCache(config) },
): Promise<ObjectiveData<SftExample> | ObjectiveData<PairExample>> {
  const open = async (path: string) => {
    const examples = await openExamples({
      ...datasetOptions(objective, config, tokenizer),
      path,
      ...how,
      onProgress: tokenising.progressOf(path),
      onWarning: warn,
    });
    tokenising.add(examples);
    return examples as Examples<SftExample>;
  };
  const train = await open(objective.data);
  const { rows, holdout, trainRows, splitSeed = config.seed } = config.evaluate;
  if (objective.heldout !== undefined) {
    const held = await open(objective.heldout);
    if (rows > FEW_ROWS) await tokenising.finish([held]);
    const heldIndices = firstKept(held, rows);
    if (heldIndices.length === 0) await tokenising.finish([held]); // which says why none is left
    const trainIndices = upTo(train.rows);
    return {
      train,
      held,
      trainIndices,
      heldIndices,
      sliceIndices: firstKept(train, trainRows, trainIndices),
    };
  }
  if (Math.min(rows, holdout * train.rows) > FEW_ROWS) await tokenising.finish([train]);
  const split = splitHoldout(train.rows, { fraction: holdout, maxRows: rows, seed: splitSeed, name }, (row) =>
    train.isKept(row),
  );
  return {
    train,
    held: train,
    trainIndices: split.train,
    heldIndices: split.held,
    sliceIndices: firstKept(train, trainRows, split.train),
  };
}

const upTo = (count: number) => Uint32Array.from({ length: count }, (_, i) => i);

/** The first `count` rows, of those in `among`, that are examples. */
function firstKept(
  examples: Examples<unknown>,
  count: number,
  among: Uint32Array = upTo(examples.rows),
): Uint32Array {
  const kept: number[] = [];
  for (let i = 0; i < among.length && kept.length < count; i++)
    if (examples.isKept(among[i] as number)) kept.push(among[i] as number);
  return Uint32Array.from(kept);
}

/** The stream of an objective: endless, reshuffled each pass, over its training rows only, dropped ones passed over. */
export function objectiveStream(
  name: string,
  { train, trainIndices }: ObjectiveData<unknown>,
  config: RunConfig,
): ExampleStream {
  return new ExampleStream(trainIndices.length, {
    seed: config.seed,
    name,
    order: config.order,
    isKept: (index) => train.isKept(trainIndices[index] as number),
  });
}
