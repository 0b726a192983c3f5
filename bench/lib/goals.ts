/** What the project set out to reach against the best PyTorch loop on the same machine, by shape, kind and dtype. */
import type { Dtype, Kind } from "./options.js";
import type { ShapeName } from "./shapes.js";

/** Least ratio of our rate to PyTorch's of the same dtype. */
export function speedGoal(shape: ShapeName, kind: Kind, dtype: Dtype): { atLeast: number } | undefined {
  if (shape === "tiny") return undefined;
  if (kind === "mix") return { atLeast: 2 };
  if (kind === "dpo") return { atLeast: dtype === "bfloat16" ? 2.5 : 2 };
  const sft = { "14m": { bfloat16: 2, float32: 1.6 }, "70m": { bfloat16: 1.7, float32: 1.3 } };
  return { atLeast: sft[shape][dtype] };
}

/** Most of PyTorch's peak resident memory for the same work. */
export function memoryGoal(shape: ShapeName): { atMost: number } | undefined {
  if (shape === "tiny") return undefined;
  return { atMost: shape === "14m" ? 0.4 : 0.6 };
}
