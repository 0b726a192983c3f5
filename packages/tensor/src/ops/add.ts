import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { expectSide } from "./shape.js";

/** y = a + b, equal shapes. */
export function add(a: Tensor, b: Tensor): Tensor {
  const native = a.device.native;
  expectSide("add", "the number of elements of b", b.count, a.count);
  const y = Tensor.like(a);
  native.add(a.handle, b.handle, y.handle, y.count);
  recordBackward(y, [a, b], [], (dy) => {
    for (const input of [a, b]) {
      const target = gradientOf(input);
      if (target === null) continue;
      const { tensor, accumulate } = target;
      if (accumulate) native.add(tensor.handle, dy.handle, tensor.handle, y.count);
      else native.copy(tensor.handle, 0, dy.handle, 0, y.count);
    }
  });
  return y;
}
