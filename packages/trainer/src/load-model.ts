/** Opens a Hugging Face directory as a model on a device. */
import { createHash } from "node:crypto";
import { hashModelDirectory, type ModelDirectory, openModelDirectory } from "@outright/checkpoint";
import { counterRandom } from "@outright/data";
import { createModel, type LanguageModel } from "@outright/models";
import type { Device, ParameterOptions } from "@outright/tensor";

export interface LoadedModel {
  model: LanguageModel;
  directory: ModelDirectory;
}

/**
 * @param init "pretrained" reads the weights; "random" draws them from `seed`, config.json is enough
 * @param options of all parameters: dtype, and whether bfloat16 ones get a float32 master to train on
 * @throws one line naming the directory and what is wrong with it
 */
export function loadModel(
  device: Device,
  path: string,
  init: "pretrained" | "random" = "pretrained",
  seed = 0,
  options: ParameterOptions = {},
): LoadedModel {
  const directory = openModelDirectory(path);
  const source = directory.weights;
  try {
    if (init === "pretrained" && source === null) {
      throw new Error(`there are no weights (model.safetensors); set "init: random" to draw them`);
    }
    const weights =
      init === "random" || source === null
        ? { random: (stream: string) => counterRandom(seed, stream) }
        : { from: source };
    return { model: createModel(device, directory.config, weights, options), directory };
  } catch (error) {
    throw error instanceof Error && !error.message.startsWith(path)
      ? new Error(`${path}: ${error.message}`)
      : error;
  } finally {
    source?.close();
  }
}

/** Names the weights that `loadModel` gives: a hash of the files, or of config and seed. */
export function modelIdentity(path: string, init: "pretrained" | "random", seed: number): string {
  if (init === "pretrained") return hashModelDirectory(path);
  const config = JSON.stringify(openModelDirectory(path).config);
  return createHash("sha256").update(`random ${seed} ${config}`).digest("hex");
}
