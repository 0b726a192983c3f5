import { recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { passGradient } from "./pass-gradient.js";
import { expectSide } from "./shape.js";

/** y = a + b, equal shapes. */
export function add(a: Tensor, b: Tensor): Tensor {
  const native = a.device.native;
  expectSide("add", "the number of elements of b", b.count, a.count);
  const y = Tensor.like(a);
  native.add(a.handle, b.handle, y.handle, y.count);
  recordBackward(
    y,
    [a, b],
    [],
    (dy) => {
      passGradient(a, dy);
      passGradient(b, dy);
    },
    [],
  );
  return y;
}
