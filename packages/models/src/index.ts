/** @outright/models: language models over flat rows. */
export type { JsonConfig } from "./config.js";
export { createModel, type Weights } from "./create.js";
export { GptNeoX, type GptNeoXConfig, readGptNeoXConfig } from "./gpt-neox.js";
export { bytesPerToken, KeyValueCache, type KeyValueShape } from "./key-value-cache.js";
export type { CachedInput, FlatInput, LanguageModel, ModelInput } from "./language-model.js";
export type { Recompute } from "./lifetime.js";
export type { Linear } from "./linear.js";
export { Llama, type LlamaConfig, readLlamaConfig } from "./llama.js";
export {
  addLora,
  type DropoutSeeds,
  type Lora,
  type LoraAdapter,
  loraNames,
  mergeLora,
  trainableParameters,
} from "./lora.js";
export { type LoraPart, type StackedLora, stackLora } from "./lora-stack.js";
export { type LoraSettings, loraTargets } from "./lora-targets.js";
export type { UniformStreams, WeightSource } from "./parameters.js";
export { rotaryFrequencies } from "./rope.js";
