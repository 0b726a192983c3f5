import { gradientOf } from "../tape.js";
import type { Tensor } from "../tensor.js";

/** The backward pass of a plain sum: ∂loss/∂input += dy, equal shapes. */
export function passGradient(input: Tensor, dy: Tensor): void {
  const target = gradientOf(input);
  if (target === null) return;
  const { tensor, accumulate } = target;
  const native = input.device.native;
  if (accumulate) native.add(tensor.handle, dy.handle, tensor.handle, dy.count);
  else native.copy(tensor.handle, 0, dy.handle, 0, dy.count);
}
