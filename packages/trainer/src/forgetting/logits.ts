/** Logits at chosen positions in float32, whatever the model's dtype, by blocks of the vocabulary. N positions, D hidden, V words. */
import type { LanguageModel } from "@outright/models";
import { linear, scope, Tensor } from "@outright/tensor";
import { uploadInput } from "../forward.js";
import type { Positions } from "./positions.js";

/** Most numbers of a block of logits and of the head's rows that make it: what is in memory at once. */
const BLOCK_LOGITS = 1 << 19;
const BLOCK_WEIGHTS = 1 << 20;

/** Hidden states that the head reads, [N, D]. */
export function hiddenAt(model: LanguageModel, { rows, count }: Positions): Float32Array {
  const D = model.head.shape[1] as number;
  const hidden = new Float32Array(count * D);
  let at = 0;
  for (const { row, tokens } of rows) {
    scope(() => {
      const states = model.hiddenStates(uploadInput(model.device, row), Tensor.from(model.device, tokens));
      states.toFloat32(0, states.count, hidden.subarray(at, at + states.count));
      at += states.count;
    });
  }
  return hidden;
}

/** Blocks of the vocabulary: a function of the shapes alone. */
export function vocabularyBlocks(model: LanguageModel, positions: number): { from: number; width: number }[] {
  const [V, D] = model.head.shape as [number, number];
  const widest = Math.min(Math.floor(BLOCK_LOGITS / positions), Math.floor(BLOCK_WEIGHTS / D));
  const width = Math.min(V, Math.max(64, widest));
  const count = Math.ceil(V / width);
  return Array.from({ length: count }, (_, i) => ({
    from: i * width,
    width: Math.min(width, V - i * width),
  }));
}

/** h wᵀ over some words, [N, width]. Products of bfloat16 values too are float32: their logits would be too coarse. */
export function blockLogits(
  model: LanguageModel,
  hidden: Float32Array,
  { from, width }: { from: number; width: number },
): Float32Array {
  const { device, head } = model;
  const { native } = device;
  const D = head.shape[1] as number;
  return scope(() => {
    const own = Tensor.like(head, [width, D]);
    native.copy(own.handle, 0, head.handle, from * D, width * D);
    const wide = own.dtype === "float32" ? own : Tensor.float32(device, [width, D]);
    if (wide !== own) native.cast(own.handle, wide.handle, width * D);
    return linear(Tensor.from(device, hidden, [hidden.length / D, D]), wide).toFloat32();
  });
}
