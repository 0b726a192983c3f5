/** The forecast of a run from its config alone, or from what a run has read already. */
import { openModelDirectory } from "@outright/checkpoint";
import { loadTokenizer, type PairExample, type SftExample } from "@outright/data";
import type { JsonConfig } from "@outright/models";
import type { Device } from "@outright/tensor";
import type { RunConfig } from "../config/index.js";
import { loadObjectiveData, type ObjectiveData, objectiveStream } from "../objective-data.js";
import { openDevice } from "../open-device.js";
import { plannedSteps } from "../policy-plan.js";
import { type Forecast, forecastRun } from "./forecast.js";

/** Of the stream, as many examples as the forecast looks at. */
const LOOKED_AT = 20_000;

export type AnyObjectiveData = ObjectiveData<SftExample> | ObjectiveData<PairExample>;

/** @param data of every objective of the config */
export function forecastOf(
  config: RunConfig,
  modelConfig: JsonConfig,
  data: Readonly<Record<string, AnyObjectiveData>>,
  device: Device,
): Forecast {
  const planned = plannedSteps(config);
  const objectives = Object.entries(data).map(([name, own]) => {
    const steps = planned[name] ?? 0;
    const wanted = Math.min(LOOKED_AT, steps * (config.objectives[name]?.batch ?? 1));
    return { name, data: own, order: objectiveStream(name, own, config).peek(wanted), steps };
  });
  return forecastRun({ config, modelConfig, objectives, device, planned });
}

export interface PlanOptions {
  /** told what is read, and how far */
  onProgress?: (stage: string, done: number, total: number) => void;
  /** told what was dropped or cut */
  onNotice?: (message: string) => void;
}

/**
 * Reads data and config.json, not the weights, and writes nothing.
 * @throws the same one-line errors as a run
 */
export async function planRun(config: RunConfig, options: PlanOptions = {}): Promise<Forecast> {
  const { config: modelConfig } = openDirectory(config.model);
  const tokenizer = await loadTokenizer(config.model);
  const data: Record<string, AnyObjectiveData> = {};
  for (const [name, objective] of Object.entries(config.objectives)) {
    const { onProgress = () => {}, onNotice = () => {} } = options;
    data[name] = await loadObjectiveData(name, objective, config, tokenizer, onProgress, onNotice);
  }
  const device = openDevice(config);
  try {
    return forecastOf(config, modelConfig, data, device);
  } finally {
    device.close();
  }
}

function openDirectory(path: string): { config: JsonConfig } {
  const directory = openModelDirectory(path);
  directory.weights?.close();
  return directory;
}
