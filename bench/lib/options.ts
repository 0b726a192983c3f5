/** What `outright bench` can be told. */
import { openDevice } from "@outright/trainer";
import type { ShapeName } from "./shapes.js";

export type Kind = "sft" | "dpo" | "mix";
export type Dtype = "float32" | "bfloat16";

export interface BenchOptions {
  /** "auto", "cpu", "cuda" or "cuda:N" */
  device: string;
  /** whether that is a GPU */
  gpu: boolean;
  /** what its driver calls it; empty for a processor */
  gpuName: string;
  shapes: ShapeName[];
  dtypes: Dtype[];
  kinds: Kind[];
  /** timed repetitions of everything; one more warms up */
  steps: number;
  /** 0 = one per physical core */
  threads: number;
  /** examples, and pairs, of a step */
  batch: number;
  /** most tokens that go through the model at once */
  tokens: number;
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

type Defaults = Omit<BenchOptions, "device" | "gpu" | "gpuName">;

const ON_A_PROCESSOR: Defaults = {
  shapes: ["14m", "70m"],
  dtypes: ["float32", "bfloat16"],
  kinds: ["sft", "dpo", "mix"],
  steps: 10,
  threads: 0,
  batch: 8,
  tokens: 2048,
  peer: "auto",
  allocators: ["glibc", "tcmalloc", "jemalloc"],
  micro: [0, 2],
  trl: false,
  lora: 0,
  profile: false,
};

/** A step that fills a GPU; PyTorch's caching allocator does not hang on the host's. */
const ON_A_GPU: Defaults = {
  ...ON_A_PROCESSOR,
  shapes: ["1b"],
  dtypes: ["bfloat16"],
  kinds: ["sft", "dpo"],
  batch: 128,
  tokens: 16384,
  allocators: ["default"],
  micro: [32, 16],
};

/** What was given, and the defaults of the device for the rest. @throws one line where the device cannot be used */
export function completeOptions(given: Partial<BenchOptions>): BenchOptions {
  const { device = "auto", threads = 0 } = given;
  using opened = openDevice({ device, threads });
  const gpu = opened.info.kind !== "cpu";
  const gpuName = gpu ? opened.info.hardware : "";
  const found = gpu && device === "auto" ? "cuda" : device;
  return { ...(gpu ? ON_A_GPU : ON_A_PROCESSOR), ...given, device: found, gpu, gpuName };
}
