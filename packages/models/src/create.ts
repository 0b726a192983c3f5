/** From a config.json and weights to a model. */
import type { Device, ParameterOptions } from "@outright/tensor";
import { ConfigReader, type JsonConfig } from "./config.js";
import { GptNeoX, readGptNeoXConfig } from "./gpt-neox.js";
import type { LanguageModel } from "./language-model.js";
import { Llama, readLlamaConfig } from "./llama.js";
import type { UniformStreams, WeightSource } from "./parameters.js";

/** Where the weights come from: read from a source, drawn from seeded streams, or nowhere (to measure the model only). */
export type Weights = { from: WeightSource } | { random: UniformStreams } | { undefined: true };

/**
 * Builds the model a config.json describes and fills it. `options` hold for all its parameters.
 * @throws for an unsupported architecture or setting, and for weights that do not fit
 */
export function createModel(
  device: Device,
  config: JsonConfig,
  weights: Weights,
  options: ParameterOptions = {},
): LanguageModel {
  const { model, ignores } = build(device, config, options);
  try {
    if ("from" in weights) model.weights.load(weights.from, ignores);
    else if ("random" in weights) model.weights.initialise(weights.random);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}

function build(
  device: Device,
  json: JsonConfig,
  options: ParameterOptions,
): { model: Llama | GptNeoX; ignores: (name: string) => boolean } {
  const type = new ConfigReader(json).string("model_type", "");
  switch (type) {
    case "llama": {
      const config = readLlamaConfig(json);
      return { model: new Llama(device, config, options), ignores: (name) => Llama.ignores(config, name) };
    }
    case "gpt_neox": {
      const config = readGptNeoXConfig(json);
      return {
        model: new GptNeoX(device, config, options),
        ignores: (name) => GptNeoX.ignores(config, name),
      };
    }
    default:
      throw new Error(
        `config.json: model_type ${type === "" ? "is missing" : `"${type}" is not supported`}; supported are "llama" and "gpt_neox"`,
      );
  }
}
