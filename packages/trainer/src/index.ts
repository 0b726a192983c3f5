/** @outright/trainer: the loop, the run config, and the pieces other packages evaluate with. */
export type { BatchOptions, BatchResult } from "./batch-result.js";
export * from "./config/index.js";
export { runDpoBatch } from "./dpo-batch.js";
export { gapsOf } from "./evaluate.js";
export type * from "./events.js";
export * from "./forecast/index.js";
export { rowLogprobs, runRow, uploadInput } from "./forward.js";
export { type LoadedModel, loadModel, modelIdentity } from "./load-model.js";
export { addAdapter, dropoutSeeds, saveAdapter, startLora } from "./lora.js";
export { datasetOptions } from "./objective-data.js";
export { openDevice } from "./open-device.js";
export { AdamW } from "./optimizer.js";
export { modelTensors } from "./run-state.js";
export { learningRate } from "./schedule.js";
export { runSftBatch } from "./sft-batch.js";
export { microBatchTokens } from "./tokens.js";
export { type TrainOptions, type TrainResult, train } from "./train.js";
