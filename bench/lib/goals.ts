/** What the project set out to reach: against the best PyTorch loop on the same machine, and on GPUs. */
import type { BenchOptions, Dtype, Kind } from "./options.js";
import type { ShapeName } from "./shapes.js";

interface AtLeast {
  atLeast: number;
}
interface AtMost {
  atMost: number;
}

/** Least ratio of our rate to PyTorch's of the same dtype, on a processor. */
export function speedGoal(shape: ShapeName, kind: Kind, dtype: Dtype): AtLeast | undefined {
  if (shape !== "14m" && shape !== "70m") return undefined;
  if (kind === "mix") return { atLeast: 2 };
  if (kind === "dpo") return { atLeast: dtype === "bfloat16" ? 2.5 : 2 };
  const sft = { "14m": { bfloat16: 2, float32: 1.6 }, "70m": { bfloat16: 1.7, float32: 1.3 } };
  return { atLeast: sft[shape][dtype] };
}

/** Most of PyTorch's peak resident memory for the same work. */
export function memoryGoal(shape: ShapeName): AtMost | undefined {
  if (shape !== "14m" && shape !== "70m") return undefined;
  return { atMost: shape === "14m" ? 0.4 : 0.6 };
}

/** Of an H100 or H200; in TFLOP/s where nothing else is said. */
export interface GpuGoals {
  /** the head at N 8192, D 4096, V 128,256 in bfloat16, trained, its logits computed again */
  headForward?: AtLeast;
  headBackward?: AtLeast;
  /** MiB beside arguments and results */
  headMemory?: AtMost;
  /** 4k causal, heads of 128, bfloat16 */
  attentionForward?: AtLeast;
  attentionBackward?: AtLeast;
  /** % of a copy's bandwidth */
  rowsPercent?: AtLeast;
  /** %, Pythia-1B, all weights, bfloat16, 16,384 tokens a micro-batch */
  mfu?: AtLeast;
  /** pairs/s over those of our own padded, unshared rung without a cached reference */
  ladder?: AtLeast;
  /** pairs/s over TRL's */
  trl?: AtLeast;
}

const HOPPER: GpuGoals = {
  headForward: { atLeast: 600 },
  headBackward: { atLeast: 480 },
  headMemory: { atMost: 512 },
  attentionForward: { atLeast: 300 },
  attentionBackward: { atLeast: 220 },
  rowsPercent: { atLeast: 80 },
  mfu: { atLeast: 45 },
  ladder: { atLeast: 3 },
  trl: { atLeast: 1.5 },
};

/** None elsewhere, and none for the tiny shape, whose times are those of starting kernels. */
export function gpuGoals({ gpuName, shapes }: Pick<BenchOptions, "gpuName" | "shapes">): GpuGoals {
  return /\bH[12]00\b/.test(gpuName) && !shapes.includes("tiny") ? HOPPER : {};
}
