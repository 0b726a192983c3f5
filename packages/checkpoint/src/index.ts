/** Files that outlast the process: safetensors, Hugging Face model directories, run directories and checkpoints. */

export {
  type AdapterDirectory,
  type AdapterToSave,
  isAdapterDirectory,
  openAdapterDirectory,
  saveAdapterDirectory,
} from "./adapter-directory.js";
export { recover, replaceDirectory, temporaryPath, writeFileAtomic } from "./atomic.js";
export type { CheckpointToSave, LoadedCheckpoint } from "./checkpoint.js";
export type { Dtype } from "./dtype.js";
export {
  hashModelDirectory,
  type ModelDirectory,
  openModelDirectory,
  type WeightSource,
} from "./hf-directory.js";
export { type ModelToSave, saveModelDirectory } from "./hf-save.js";
export type { JsonValue } from "./json.js";
export { type MergeOptions, type MergeResult, mergeModels } from "./merge.js";
export type { MergeDifference } from "./merge-checks.js";
export type { BlockAlpha, MergeWeights } from "./merge-weights.js";
export { MetricsFile } from "./metrics-file.js";
export { hashModelChain, type ModelChain, openModelChain, tokenizerDirectory } from "./model-chain.js";
export { type PeftLoraConfig, peftConfigJson, readPeftConfig } from "./peft-config.js";
export {
  type LatestCheckpoint,
  RunDirectory,
  type RunDirectoryOptions,
  type RunPaths,
} from "./run-directory.js";
export { lockDirectory } from "./run-lock.js";
export type { TensorInfo } from "./safetensors-header.js";
export { openSafetensors, type SafetensorsFile } from "./safetensors-read.js";
export {
  type TensorArray,
  type TensorSource,
  type WrittenFile,
  writeSafetensors,
} from "./safetensors-write.js";
export { ScratchFile } from "./scratch-file.js";
