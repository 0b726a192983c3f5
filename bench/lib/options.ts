/** What `outright bench` can be told. */
import type { ShapeName } from "./shapes.js";

export type Kind = "sft" | "dpo" | "mix";
export type Dtype = "float32" | "bfloat16";

export interface BenchOptions {
  shapes: ShapeName[];
  dtypes: Dtype[];
  kinds: Kind[];
  /** timed repetitions of everything; one more warms up */
  steps: number;
  /** 0 = one per physical core */
  threads: number;
  /** folder of real rows; absent: rows of the same lengths are made */
  data?: string;
  /** Python with PyTorch */
  python?: string;
  /** whether PyTorch is measured too; "auto": where it is found */
  peer: "auto" | "none" | "required";
  /** allocators that PyTorch is tried with */
  allocators: ("default" | "glibc" | "tcmalloc" | "jemalloc")[];
  /** sizes of the micro-batches that PyTorch is tried with; 0 = the whole batch at once */
  micro: number[];
  /** also TRL with its defaults */
  trl: boolean;
  /** also adapters of this rank; 0 = none */
  lora: number;
  /** step: time per operation instead of the comparison */
  profile: boolean;
}

export const DEFAULTS: BenchOptions = {
  shapes: ["14m", "70m"],
  dtypes: ["float32", "bfloat16"],
  kinds: ["sft", "dpo", "mix"],
  steps: 10,
  threads: 0,
  peer: "auto",
  allocators: ["glibc", "tcmalloc", "jemalloc"],
  micro: [0, 2],
  trl: false,
  lora: 0,
  profile: false,
};
