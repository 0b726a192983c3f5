import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { matrix } from "./shape.js";

/** y[N,D] = x[rows[N], :]; only the rows that carry loss go on to the head. */
export function gatherRows(x: Tensor, rows: Tensor): Tensor {
  const native = x.device.native;
  const [T, D] = matrix("gatherRows", "x", x);
  const N = rows.count;
  const y = Tensor.like(x, [N, D]);
  native.gatherRows(x.handle, rows.handle, y.handle, N, T, D);
  recordBackward(
    y,
    [x],
    [],
    (dy) => {
      const dx = gradientOf(x);
      if (dx !== null)
        native.gatherRowsBackward(dy.handle, rows.handle, dx.tensor.handle, N, T, D, dx.accumulate);
    },
    [],
  );
  return y;
}
