/**
 * Weight averaging: θ = Σ wᵢ θᵢ over models of one architecture, for two of them (1 − α) θ₁ + α θ₂ (WiSE-FT, Wortsman et
 * al. 2022), with an α of its own for each block of layers (model averaging and its adaptive form in Lin et al. 2023,
 * "Mitigating the Alignment Tax of RLHF"). Part by part of one tensor at a time, so that models of any size fit.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { roundToBfloat16, roundToOdd } from "./dtype.js";
import { saveModelDirectory } from "./hf-save.js";
import {
  commonTensors,
  compareModels,
  type MergeDifference,
  type OpenModel,
  openToMerge,
} from "./merge-checks.js";
import { type MergeWeights, mergeWeights } from "./merge-weights.js";
import { elementCount } from "./safetensors-header.js";
import type { TensorArray, TensorSource } from "./safetensors-write.js";

const DTYPE_NAMES = { F32: "float32", BF16: "bfloat16" } as const;
type FileDtype = keyof typeof DTYPE_NAMES;

const FLOATS = ["F32", "BF16", "F16", "F64"];

export type MergeOptions = MergeWeights & {
  /** Hugging Face directories, or run directories with a `model/`; the first gives config, tokenizer and order */
  models: readonly string[];
  /** the directory to write; it must not exist */
  out: string;
  /** of the floating-point tensors written; default: the models' own where it is one of these and the same in all, else F32 */
  dtype?: FileDtype | undefined;
  allow?: readonly MergeDifference[] | undefined;
  /** of one file of weights; 5 GB by default */
  maxShardBytes?: number | undefined;
  /** told elements written out of all */
  onProgress?: ((done: number, total: number) => void) | undefined;
};

export interface MergeResult {
  tensors: number;
  parameters: number;
  /** dtypes of the files written: one, but where the models mix them */
  dtypes: string[];
  /** computed tensors and tied heads that not all models have */
  leftOut: string[];
  /** differences that were allowed, one line each */
  notes: string[];
}

/**
 * Sums are made in float64 and rounded once, to nearest even. A model of weight 0 is not read, and one that counts alone
 * keeps its bits. Beside headers, at most some parts of 2^20 numbers are in memory. The directory appears complete or
 * not at all.
 * @throws Error of one line where models do not fit one another, `out` exists, or it cannot be written
 */
export function mergeModels(options: MergeOptions): MergeResult {
  const { out, onProgress = () => {} } = options;
  if (options.models.length < 2) throw new Error("models: give two or more");
  if (existsSync(out)) throw new Error(`${out}: exists already; choose another place or remove it`);
  const models: OpenModel[] = [];
  try {
    for (const dir of options.models) models.push(openToMerge(dir));
    const notes = compareModels(models, options.allow ?? []);
    const { names, leftOut } = commonTensors(models);
    const weightsOf = mergeWeights(options, models.length, names);
    const sources = names.map((name) => mergedTensor(name, models, weightsOf(name), options.dtype));
    const count = ({ shape }: TensorSource) => elementCount(shape);
    const parameters = sources.reduce((sum, source) => sum + count(source), 0);
    const first = models[0] as OpenModel;
    const dtypes = [...new Set(sources.map(({ dtype }) => dtype))].filter((dtype) => dtype in DTYPE_NAMES);
    let done = 0;
    saveModelDirectory(out, {
      config: { ...first.config, ...dtypeKey(first.config, dtypes) },
      tensors: sources.map((source) => ({
        ...source,
        data: () => {
          onProgress(done, parameters);
          done += count(source);
          return source.data();
        },
      })),
      copyFrom: first.dir,
      tokenizerFrom: models.find(({ dir }) => existsSync(join(dir, "tokenizer.json")))?.dir,
      maxShardBytes: options.maxShardBytes,
    });
    onProgress(parameters, parameters);
    return { tensors: names.length, parameters, dtypes, leftOut, notes };
  } finally {
    for (const { weights } of models) weights.close();
  }
}

function mergedTensor(
  name: string,
  models: readonly OpenModel[],
  shares: readonly number[],
  wanted: FileDtype | undefined,
): TensorSource {
  const given = models.map(({ weights }) => weights.info(name));
  const { dtype: own, shape } = given[0] as { dtype: TensorSource["dtype"]; shape: readonly number[] };
  const isSame = given.every(({ dtype }) => dtype === own);
  if (!given.every(({ dtype }) => FLOATS.includes(dtype)))
    return { name, dtype: own, shape, data: () => equalBytes(name, models, isSame) };
  const dtype = wanted ?? (isSame && own in DTYPE_NAMES ? (own as FileDtype) : "F32");
  const counting = models.flatMap(({ weights }, i) => {
    const share = shares[i] as number;
    return share === 0 ? [] : [{ share, parts: () => weights.float32Parts(name) }];
  });
  return { name, dtype, shape, data: () => averaged(counting, dtype) };
}

/** Whole numbers are no weights: they must be the same in all models. */
function equalBytes(name: string, models: readonly OpenModel[], isSame: boolean): Uint8Array {
  const bytes = models[0]?.weights.readRaw(name) as Uint8Array;
  for (const { dir, weights } of models) {
    if (!isSame || Buffer.compare(bytes, weights.readRaw(name)) !== 0)
      throw new Error(
        `${dir}: tensor "${name}" (${weights.info(name).dtype}) differs from ${models[0]?.dir}'s; only F32, BF16, F16 and F64 are averaged`,
      );
  }
  return bytes;
}

interface Counting {
  share: number;
  parts: () => Iterable<Float32Array>;
}

/** Σ share · tensor, part by part; a part is overwritten by the next. */
function* averaged(models: readonly Counting[], dtype: FileDtype): Generator<TensorArray> {
  const [first, ...others] = models as readonly [Counting, ...Counting[]];
  const beside = others.map(({ share, parts }) => ({ share, parts: parts()[Symbol.iterator]() }));
  let buffers: { sum: Float64Array; single: Float32Array; narrow: Uint16Array } | undefined;
  for (const part of first.parts()) {
    const size = part.length;
    // the first part is the longest
    buffers ??= {
      sum: new Float64Array(beside.length === 0 ? 0 : size),
      single: new Float32Array(beside.length === 0 ? 0 : size),
      narrow: new Uint16Array(dtype === "BF16" ? size : 0),
    };
    const { sum, single, narrow } = buffers;
    let values = part;
    if (beside.length > 0) {
      for (let i = 0; i < size; i++) sum[i] = first.share * (part[i] as number);
      for (const { share, parts } of beside) {
        const other = parts.next().value as Float32Array;
        for (let i = 0; i < size; i++) sum[i] = (sum[i] as number) + share * (other[i] as number);
      }
      values = single.subarray(0, size);
      if (dtype === "BF16") roundToOdd(sum.subarray(0, size), values);
      else values.set(sum.subarray(0, size));
    }
    if (dtype === "F32") yield values;
    else {
      roundToBfloat16(values, narrow);
      yield new Uint8Array(narrow.buffer, 0, 2 * size);
    }
  }
}

/** The dtype as config.json tells it, if it does; transformers 5 calls the key "dtype", earlier versions "torch_dtype". */
function dtypeKey(config: OpenModel["config"], dtypes: readonly string[]): Record<string, string> {
  const key = ["dtype", "torch_dtype"].find((name) => name in config);
  const [dtype, ...more] = dtypes as FileDtype[];
  return key === undefined || dtype === undefined || more.length > 0 ? {} : { [key]: DTYPE_NAMES[dtype] };
}
