/** Opens a model directory, a Hugging Face one or an adapter's, as a model on a device. */
import { createHash } from "node:crypto";
import {
  hashModelChain,
  type ModelChain,
  type ModelDirectory,
  openModelChain,
  openModelDirectory,
} from "@outright/checkpoint";
import { counterRandom } from "@outright/data";
import { createModel, type LanguageModel, mergeLora } from "@outright/models";
import type { Device, ParameterOptions } from "@outright/tensor";
import { addAdapter } from "./lora.js";

export interface LoadedModel {
  model: LanguageModel;
  /** the Hugging Face directory at the bottom of the chain */
  directory: ModelDirectory;
  /** what the weights were put together from */
  chain: ModelChain;
}

/**
 * Adapters of a chain are merged into the weights.
 * @param init "pretrained" reads the weights; "random" draws them from `seed`, config.json is enough
 * @param options of all parameters: dtype, and whether bfloat16 ones get a float32 master to train on
 * @throws one line naming the directory and what is wrong with it
 */
export function loadModel(
  device: Device,
  path: string | ModelChain,
  init: "pretrained" | "random" = "pretrained",
  seed = 0,
  options: ParameterOptions = {},
): LoadedModel {
  const chain = typeof path === "string" ? openModelChain(path) : path;
  const directory = openModelDirectory(chain.base);
  const source = directory.weights;
  let model: LanguageModel | null = null;
  try {
    if (init === "pretrained" && source === null) {
      throw new Error(`there are no weights (model.safetensors); set "init: random" to draw them`);
    }
    const weights =
      init === "random" || source === null
        ? { random: (stream: string) => counterRandom(seed, stream) }
        : { from: source };
    model = createModel(device, directory.config, weights, options);
    for (const adapter of chain.adapters) {
      addAdapter(model, adapter);
      mergeLora(model);
    }
    return { model, directory, chain };
  } catch (error) {
    model?.dispose();
    const names = [chain.base, ...chain.adapters.map(({ dir }) => dir)];
    throw error instanceof Error && !names.some((name) => error.message.startsWith(name))
      ? new Error(`${chain.base}: ${error.message}`)
      : error;
  } finally {
    source?.close();
  }
}

/** Names the weights that `loadModel` gives: a hash of the files, or of config and seed. */
export function modelIdentity(path: string, init: "pretrained" | "random", seed: number): string {
  const chain = openModelChain(path);
  if (init === "pretrained") return hashModelChain(chain);
  const config = JSON.stringify(openModelDirectory(chain.base).config);
  return createHash("sha256").update(`random ${seed} ${config}`).digest("hex");
}
