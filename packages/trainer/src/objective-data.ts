/** The examples of one objective: what it trains on, what is held out, and what became of the rows. */
import { basename } from "node:path";
import {
  type Dataset,
  type DatasetOptions,
  type DatasetReport,
  ExampleStream,
  loadDataset,
  type PairExample,
  type SftExample,
  splitHoldout,
  type Tokenizer,
} from "@outright/data";
import type { ObjectiveConfig, RunConfig } from "./config/index.js";

export interface ObjectiveData<Example> {
  train: Dataset<Example>;
  /** the same data set as `train`, unless the config names a held-out file */
  held: Dataset<Example>;
  trainIndices: Uint32Array;
  heldIndices: Uint32Array;
}

export type Progress = (stage: string, done: number, total: number) => void;
export type Notice = (message: string) => void;

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

export async function loadObjectiveData(
  name: string,
  objective: ObjectiveConfig,
  config: RunConfig,
  tokenizer: Tokenizer,
  progress: Progress,
  notice: Notice,
): Promise<ObjectiveData<SftExample> | ObjectiveData<PairExample>> {
  const load = async (path: string) => {
    const stage = `reading ${basename(path)}`;
    const dataset = await loadDataset({
      ...datasetOptions(objective, config, tokenizer),
      path,
      onProgress: ({ bytes, totalBytes }) => progress(stage, bytes, totalBytes),
    });
    for (const line of describeReport(path, dataset.report)) notice(line);
    return dataset;
  };
  const train = (await load(objective.data)) as Dataset<SftExample>;
  const count = train.examples.length;
  const { rows, holdout } = config.evaluate;
  if (objective.heldout !== undefined) {
    const held = (await load(objective.heldout)) as Dataset<SftExample>;
    return {
      train,
      held,
      trainIndices: upTo(count),
      heldIndices: upTo(Math.min(rows, held.examples.length)),
    };
  }
  const split = splitHoldout(count, { fraction: holdout, maxRows: rows, seed: config.seed, name });
  if (split.train.length === 0)
    throw new Error(
      `objectives.${name}: nothing is left to train on after holding out ${split.held.length} of ${count} rows of ${objective.data}; lower evaluate.holdout`,
    );
  return { train, held: train, trainIndices: split.train, heldIndices: split.held };
}

const upTo = (count: number) => Uint32Array.from({ length: count }, (_, i) => i);

/** Nothing is dropped or cut silently: one line a reason. */
function describeReport(path: string, report: DatasetReport): string[] {
  const line =
    (verb: string) =>
    ([reason, count]: [string, number]) => {
      const first = (report.firstRows[reason] ?? []).slice(0, 5).join(", ");
      return `${basename(path)}: ${verb} ${count} of ${report.rows} rows: ${reason} (first: ${first})`;
    };
  return [
    ...Object.entries(report.dropped)
      .filter(([, count]) => count > 0)
      .map(line("dropped")),
    ...Object.entries(report.cut)
      .filter(([, count]) => count > 0)
      .map(line("cut")),
  ];
}

/** The stream of an objective: endless, reshuffled each pass, over its training rows only. */
export function objectiveStream(
  name: string,
  data: ObjectiveData<unknown>,
  config: RunConfig,
): ExampleStream {
  return new ExampleStream(data.trainIndices.length, { seed: config.seed, name, order: config.order });
}
