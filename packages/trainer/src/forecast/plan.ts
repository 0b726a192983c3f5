/** The forecast of a run from its config alone; and what it looks at of the data. */
import { openModelChain, openModelDirectory, tokenizerDirectory } from "@outright/checkpoint";
import { loadTokenizer, type PairExample, type SftExample } from "@outright/data";
import type { ObjectiveConfig, RunConfig } from "../config/index.js";
import { loadObjectiveData, type ObjectiveData, objectiveStream } from "../objective-data.js";
import { openDevice } from "../open-device.js";
import { plannedSteps } from "../policy-plan.js";
import { Tokenising } from "../tokenising.js";
import { type Forecast, forecastRun } from "./forecast.js";
import type { Batch, ObjectiveSample } from "./simulate.js";

/** Of an objective's rows, as many are looked at; they are tokenised at once where they were not yet. */
const LOOKED_AT = 1000;
/** Held-out rows that stand for all. */
const HELD_LOOKED_AT = 64;

export type AnyObjectiveData = ObjectiveData<SftExample> | ObjectiveData<PairExample>;

/** The first examples of an objective's stream, and some held-out ones. */
export function sampleOf(name: string, data: AnyObjectiveData, config: RunConfig): ObjectiveSample {
  const steps = plannedSteps(config)[name] ?? 0;
  const wanted = Math.min(LOOKED_AT, steps * batchOf(config, name), data.trainIndices.length);
  const examples = objectiveStream(name, data, config)
    .peek(wanted)
    .map((position) => data.train.example(data.trainIndices[position] as number));
  const held = [...data.heldIndices].slice(0, HELD_LOOKED_AT).map((row) => data.held.example(row));
  return {
    name,
    examples: present(examples),
    held: present(held),
    // training rows that are evaluated too cost what held-out ones do
    heldCount: data.heldIndices.length + data.sliceIndices.length,
    steps,
  };
}

/** The same from all examples of a file in its order, where nobody split it yet. */
export function sampleOfRows(
  name: string,
  examples: readonly (SftExample | PairExample)[],
  config: RunConfig,
): ObjectiveSample {
  const { rows, holdout } = config.evaluate;
  const heldCount =
    config.objectives[name]?.heldout === undefined
      ? Math.min(rows, Math.floor(holdout * examples.length))
      : 0;
  const steps = plannedSteps(config)[name] ?? 0;
  return {
    name,
    examples: examples.slice(0, Math.min(LOOKED_AT, steps * batchOf(config, name))) as Batch,
    held: examples.slice(0, Math.min(heldCount, HELD_LOOKED_AT)) as Batch,
    heldCount,
    steps,
  };
}

const batchOf = (config: RunConfig, name: string) => (config.objectives[name] as ObjectiveConfig).batch;

const present = (examples: readonly (SftExample | PairExample | null)[]) =>
  examples.filter((example) => example !== null) as unknown as Batch;

/**
 * Reads config.json and the first rows, not the weights, and writes nothing.
 * @throws the same one-line errors as a run
 */
export async function planRun(
  config: RunConfig,
  onProgress: (stage: string) => void = () => {},
): Promise<Forecast> {
  const directory = openModelDirectory(openModelChain(config.model).base);
  directory.weights?.close();
  const tokenizer = await loadTokenizer(tokenizerDirectory(config.model));
  const tokenising = new Tokenising({
    progress: ({ stage, done, total }) =>
      onProgress(`${stage} ${Math.floor((100 * done) / Math.max(1, total))}%`),
    notice: () => {}, // only some rows were looked at
    checkStop: () => {},
  });
  const objectives: ObjectiveSample[] = [];
  try {
    for (const [name, objective] of Object.entries(config.objectives)) {
      const how = { threads: 0 };
      const data = await loadObjectiveData(name, objective, config, tokenizer, tokenising, () => {}, how);
      objectives.push(sampleOf(name, data, config));
    }
  } finally {
    tokenising.close();
  }
  onProgress("timing the kernels");
  const device = openDevice(config);
  try {
    return forecastRun({ config, modelConfig: directory.config, objectives, device });
  } finally {
    device.close();
  }
}
