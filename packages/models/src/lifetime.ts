/** What stays in memory between a block's forward pass and its backward pass. */
import { checkpoint, gatherRows, remade, segment, type Tensor } from "@outright/tensor";

/**
 * What the backward pass computes again instead of keeping it:
 * - `none`: nothing; everything that it reads is kept
 * - `attention`: what goes into attention (norm, projections, rotary embedding). Attention's own result is kept, so that its
 *   cost, which grows with the square of the length, is not paid again; so is what the MLP needs
 * - `block`: all; only each block's input is kept
 */
export type Recompute = "none" | "block" | "attention";

/**
 * Runs one block of a model on x. Without a tape its activations are freed at once, so that scoring and
 * generating need the memory of one block only; with a tape what the backward pass reads stays.
 */
function block(recompute: Recompute, x: Tensor, body: (x: Tensor) => Tensor): Tensor {
  return recompute === "block" ? checkpoint([x], () => body(x)) : segment(() => body(x));
}

/** Attention on what `inputs` makes; under `attention` that is made again for the backward pass. */
export function attentionOn(
  recompute: Recompute,
  inputs: () => Tensor[],
  attend: (made: readonly Tensor[]) => Tensor,
): Tensor {
  return recompute === "attention" ? remade(inputs, attend) : attend(inputs());
}

/** Runs x through the blocks; `body` is told the tokens that are wanted of its output, where those are not all. */
export function blocks<Layer>(
  recompute: Recompute,
  layers: readonly Layer[],
  x: Tensor,
  tokens: Tensor | null,
  body: (layer: Layer, x: Tensor, tokens: Tensor | null) => Tensor,
): Tensor {
  return layers.reduce(
    (h, layer, index) =>
      block(recompute, h, (h) => body(layer, h, index === layers.length - 1 ? tokens : null)),
    x,
  );
}

/** The rows of these tokens; null: x itself. */
export const rowsOf = (x: Tensor, tokens: Tensor | null): Tensor =>
  tokens === null ? x : gatherRows(x, tokens);
