import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { matrix } from "./shape.js";

export interface RotaryTables {
  /** [maxPositions, R/2] */
  cos: Tensor;
  sin: Tensor;
}

export interface RotaryHeads {
  /** head size C; x[T, slots · C] */
  headSize: number;
  /** of every `period` consecutive heads the first `rotated` are turned: 1/1 for q or k alone, 3/2 for fused q, k, v */
  period: number;
  rotated: number;
}

/**
 * Rotary position embedding (Su et al. 2021), half-split convention, on the first R dimensions of each head.
 * x[T, slots · C]; positions int32[T].
 */
export function rotary(x: Tensor, positions: Tensor, tables: RotaryTables, heads: RotaryHeads): Tensor {
  const native = x.device.native;
  const { cos, sin } = tables;
  const [T, width] = matrix("rotary", "x", x);
  const [maxPositions, half] = matrix("rotary", "cos", cos);
  const C = heads.headSize;
  const slots = width / C;
  const turn = (source: Tensor, target: Tensor, inverse: boolean, accumulate: boolean) =>
    native.rotary(
      source.handle,
      cos.handle,
      sin.handle,
      positions.handle,
      target.handle,
      T,
      slots,
      C,
      2 * half,
      heads.period,
      heads.rotated,
      maxPositions,
      inverse,
      accumulate,
    );
  const y = Tensor.like(x);
  turn(x, y, false, false);
  recordBackward(
    y,
    [x],
    [],
    (dy) => {
      const dx = gradientOf(x);
      if (dx !== null) turn(dy, dx.tensor, true, dx.accumulate);
    },
    [],
  );
  return y;
}
