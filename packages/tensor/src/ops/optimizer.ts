/** Operations over all parameters at once. */

import type { Master } from "../master.js";
import type { AdamWSettings, Handle } from "../native.js";
import type { Tensor } from "../tensor.js";

const handles = (tensors: readonly Tensor[]) => tensors.map((tensor) => tensor.handle);

/** √Σ x² over all tensors, in float64 and fixed order; NaN and infinities come through. */
export function globalNorm(tensors: readonly Tensor[]): number {
  const first = tensors[0];
  return first === undefined ? 0 : first.device.native.globalNorm(handles(tensors));
}

export interface AdamWTensors {
  parameters: readonly Tensor[];
  /** masters of bfloat16 parameters, null where there is none (stochastic rounding); absent: none at all */
  masters?: readonly (Master | null)[];
  gradients: readonly Tensor[];
  /** first and second moments, updated in place */
  m: readonly Tensor[];
  v: readonly Tensor[];
}

type Handles = readonly Handle[];

/** Parameters, masters, gradients and moments as the native calls take them. */
function listsOf(tensors: AdamWTensors): [Handles, Handles, Handles, Handles, Handles] {
  const masters = tensors.masters?.some((master) => master !== null) === true ? tensors.masters : [];
  return [
    handles(tensors.parameters),
    masters.map((master) => master?.handle ?? 0),
    handles(tensors.gradients),
    handles(tensors.m),
    handles(tensors.v),
  ];
}

/**
 * One AdamW update (Loshchilov and Hutter 2019), as torch.optim.AdamW; parameters, masters and moments change in place.
 */
export function adamW(tensors: AdamWTensors, settings: AdamWSettings): void {
  tensors.parameters[0]?.device.native.adamW(...listsOf(tensors), settings);
}

/**
 * The same of gradients that are scaled down to the global norm `clip` first, as torch.nn.utils.clip_grad_norm_ does; 0
 * scales nothing. Nothing changes where the norm is not finite.
 * @returns the norm before clipping
 */
export function adamWClipped(tensors: AdamWTensors, settings: AdamWSettings, clip: number): number {
  return tensors.parameters[0]?.device.native.adamWClipped(...listsOf(tensors), settings, clip) ?? 0;
}
