import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";

/** y = silu(gate) · up, elementwise (SwiGLU, Shazeer 2020). */
export function siluGate(gate: Tensor, up: Tensor): Tensor {
  const native = gate.device.native;
  const y = Tensor.like(gate);
  native.siluGate(gate.handle, up.handle, y.handle, y.count);
  recordBackward(
    y,
    [gate, up],
    [],
    (dy) => {
      const dgate = gradientOf(gate);
      const dup = gradientOf(up);
      if (dgate === null || dup === null || dgate.accumulate !== dup.accumulate) {
        throw new Error("siluGate: gate and up must both want gradients and serve no other operation");
      }
      native.siluGateBackward(
        dy.handle,
        gate.handle,
        up.handle,
        dgate.tensor.handle,
        dup.tensor.handle,
        y.count,
        dgate.accumulate,
      );
    },
    [gate, up],
  );
  return y;
}

/** "exact": x Φ(x); "tanh": its usual approximation (Hendrycks and Gimpel 2016). */
export function gelu(x: Tensor, form: "exact" | "tanh"): Tensor {
  const native = x.device.native;
  const tanh = form === "tanh";
  const y = Tensor.like(x);
  native.gelu(x.handle, y.handle, x.count, tanh);
  recordBackward(
    y,
    [x],
    [],
    (dy) => {
      const dx = gradientOf(x);
      if (dx !== null)
        native.geluBackward(dy.handle, x.handle, dx.tensor.handle, x.count, tanh, dx.accumulate);
    },
    [x],
  );
  return y;
}
