/** @outright/models: language models over flat rows. */
export type { JsonConfig } from "./config.js";
export { createModel, type Weights } from "./create.js";
export { GptNeoX, type GptNeoXConfig, readGptNeoXConfig } from "./gpt-neox.js";
export type { LanguageModel, ModelInput } from "./language-model.js";
export { Llama, type LlamaConfig, readLlamaConfig } from "./llama.js";
export type { UniformStreams, WeightSource } from "./parameters.js";
export { rotaryFrequencies } from "./rope.js";
