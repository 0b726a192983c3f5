import { gradientOf, recordBackward } from "../tape.js";
import { Tensor } from "../tensor.js";
import { matrix } from "./shape.js";

/** y[T,D] = table[ids[T], :] with table[V,D]. @throws for an id outside [0, V) */
export function embedding(ids: Tensor, table: Tensor): Tensor {
  const native = table.device.native;
  const T = ids.count;
  const [V, D] = matrix("embedding", "table", table);
  const y = Tensor.like(table, [T, D]);
  native.embedding(ids.handle, table.handle, y.handle, T, D, V);
  recordBackward(
    y,
    [table],
    [],
    (dy) => {
      const dtable = gradientOf(table);
      if (dtable !== null) native.embeddingBackward(ids.handle, dy.handle, dtable.tensor.handle, T, D, V);
    },
    [],
  );
  return y;
}
