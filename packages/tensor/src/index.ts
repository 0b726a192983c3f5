/** @outright/tensor: devices, tensors, operations and the autograd tape. */
export { listBackends, nativeAddon } from "./addon.js";
export { Device } from "./device.js";
export { instructionSets } from "./instruction-sets.js";
export { Master } from "./master.js";
export { type KindOfCall, type Label, Meter } from "./meter/meter.js";
export { secondsPerWork } from "./meter/replay.js";
export type * from "./native.js";
export { gelu, siluGate } from "./ops/activation.js";
export { add } from "./ops/add.js";
export { type AttentionSpans, attention, fusedAttention } from "./ops/attention.js";
export {
  type CachedKeys,
  type CachedTokens,
  cachedAttention,
  fusedCachedAttention,
} from "./ops/cached-attention.js";
export { embedding } from "./ops/embedding.js";
export { logprobHead } from "./ops/head.js";
export type { AttentionHeads } from "./ops/heads.js";
export { linear, linearGelu } from "./ops/linear.js";
export { adaptedLinear, type LowRank, mergeLowRank } from "./ops/lora.js";
export {
  type DpoSigmoidOptions,
  dpoSigmoid,
  type LossAndGradient,
  type PairMetrics,
  sequenceSums,
  sftNll,
} from "./ops/losses.js";
export { layerNorm, rmsNorm } from "./ops/norm.js";
export { type AdamWTensors, adamW, adamWClipped, globalNorm } from "./ops/optimizer.js";
export { type RotaryHeads, type RotaryTables, rotary } from "./ops/rotary.js";
export { gatherRows } from "./ops/rows.js";
export { Parameter, type ParameterOptions } from "./parameter.js";
export { type Buffers, COSTS, type Cost, type Operation } from "./profile/costs.js";
export { type OperationTotals, Profile } from "./profile/profile.js";
export { settler } from "./profile/settle.js";
export { visiblePairs } from "./profile/visible-pairs.js";
export { keep, scope } from "./scope.js";
export { checkpoint, isRecording, remade, segment, Tape } from "./tape.js";
export { elements, type Shape, Tensor } from "./tensor.js";
