/** The LoRA side of a run: adapters on the loaded model, the seeds of their dropout, and how they are saved. */
import { createHash } from "node:crypto";
import {
  type AdapterDirectory,
  hashModelDirectory,
  type ModelChain,
  openAdapterDirectory,
  saveAdapterDirectory,
  type TensorSource,
} from "@outright/checkpoint";
import { counterRandom } from "@outright/data";
import {
  addLora,
  type DropoutSeeds,
  type LanguageModel,
  type LoraPart,
  type LoraSettings,
  stackLora,
} from "@outright/models";
import type { LoraConfig } from "./config/index.js";

/**
 * Puts a run's adapters on its model: new ones, or those of the directory `from`.
 * @param identity names the model's weights (`modelIdentity`)
 * @param options the run's seed, and whether bfloat16 adapters have float32 masters
 * @throws one line where a target is no layer of the model, or `from` was trained on another base
 */
export function startLora(
  model: LanguageModel,
  config: LoraConfig,
  identity: string,
  { seed, master = true }: { seed: number; master?: boolean },
): void {
  if ("from" in config) {
    const adapter = openAdapterDirectory(config.from);
    if (adapter.baseHash !== null && adapter.baseHash !== identity) {
      throw new Error(
        `lora.from: ${config.from} was trained on other weights than those of \`model\`; give the model that it was trained on`,
      );
    }
    const { dropout = adapter.config.dropout } = config;
    addAdapter(model, adapter, { trainable: true, master, dropout });
    return;
  }
  const { rank, alpha, dropout, targets } = config;
  const random = (stream: string) => counterRandom(seed, stream);
  try {
    addLora(model, { rank, alpha, dropout, targets }, { random }, { trainable: true, master });
  } catch (error) {
    throw new Error(`lora.targets: ${(error as Error).message}`);
  }
}

/** Puts a saved adapter on a model. @throws one line that names its directory */
export function addAdapter(
  model: LanguageModel,
  adapter: AdapterDirectory,
  {
    trainable = false,
    master = trainable,
    dropout = adapter.config.dropout,
  }: { trainable?: boolean; master?: boolean; dropout?: number } = {},
): void {
  const file = adapter.open();
  try {
    addLora(model, { ...settingsOf(adapter), dropout }, { from: file }, { trainable, master });
  } catch (error) {
    throw new Error(`${adapter.dir}: ${(error as Error).message}`);
  } finally {
    file.close();
  }
}

function settingsOf({ config: { base: _, ...settings } }: AdapterDirectory): LoraSettings {
  return settings;
}

/**
 * Seeds of dropout in one micro-batch: a function of these four and the adapter, so that a resumed run drops the same.
 * @param microBatch counted from 0 within the objective's batch
 */
export function dropoutSeeds(
  seed: number,
  step: number,
  objective: string,
  microBatch: number,
): DropoutSeeds {
  const uniform = counterRandom(seed, `dropout/${step}/${objective}/${microBatch}`);
  return (adapter) => Math.floor(uniform(adapter) * 2 ** 53);
}

/** Names a model whose adapters are added in each layer, not merged: the same function, other rounding. */
export function unmergedIdentity(base: string, adapter: AdapterDirectory): string {
  return createHash("sha256").update(`unmerged ${base} ${adapter.hash}`).digest("hex");
}

/**
 * Saves the model's adapters in peft's format. They stand on the bottom of the chain that the run began with: where that
 * had adapters itself, which were merged on loading, these are stacked in, so that no earlier stage is lost.
 */
export function saveAdapter(target: string, model: LanguageModel, chain: ModelChain): void {
  const { lora } = model;
  if (lora === null) throw new Error("the model has no adapters to save");
  const own = new Map(lora.parameters.map((parameter) => [parameter.name, parameter]));
  const read = (name: string) => own.get(name)?.precise().toFloat32() as Float32Array;
  const base = { base: chain.base };
  const where = {
    // drawn weights have no file to hash; such a base cannot be loaded again anyway
    baseHash: hashModelDirectory(chain.base),
    tokenizerFrom: chain.tokenizer,
  };
  if (chain.adapters.length === 0) {
    const tensors = lora.parameters.map(({ name, shape }) => source(name, shape, () => read(name)));
    saveAdapterDirectory(target, { config: peft(base, lora.settings), tensors, ...where });
    return;
  }
  const files = chain.adapters.map((adapter) => adapter.open());
  try {
    const earlier = chain.adapters.map((adapter, i): LoraPart => {
      return { settings: settingsOf(adapter), read: (name) => files[i]?.readFloat32(name) as Float32Array };
    });
    const stacked = stackLora(model, [...earlier, { settings: lora.settings, read }]);
    const tensors = stacked.tensors.map(({ name, shape, data }) => source(name, shape, data));
    saveAdapterDirectory(target, { config: peft(base, stacked.settings), tensors, ...where });
  } finally {
    for (const file of files) file.close();
  }
}

const source = (name: string, shape: readonly number[], data: () => Float32Array): TensorSource => {
  return { name, dtype: "F32", shape, data };
};

function peft(base: { base: string }, settings: LoraSettings) {
  const { targets, exclude, layers, layersPattern, rankPattern, alphaPattern, ...rest } = settings;
  const copy = (names: string | readonly string[]) => (typeof names === "string" ? names : [...names]);
  return {
    ...base,
    ...rest,
    targets: copy(targets),
    ...(exclude === undefined ? {} : { exclude: copy(exclude) }),
    ...(layers === undefined ? {} : { layers: [...layers] }),
    ...(layersPattern === undefined ? {} : { layersPattern: [...layersPattern] }),
    ...(rankPattern === undefined ? {} : { rankPattern: { ...rankPattern } }),
    ...(alphaPattern === undefined ? {} : { alphaPattern: { ...alphaPattern } }),
  };
}
