/** `outright merge`: models averaged, as a Hugging Face directory. */
import { existsSync } from "node:fs";
import { type MergeDifference, type MergeWeights, mergeModels } from "@outright/checkpoint";
import { UsageError } from "../errors.js";
import { formatCount, formatWhole } from "../terminal/format.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";
import { parseBlockAlpha } from "./block-alpha.js";

export interface MergeFlags {
  models: string[];
  alpha?: number;
  blockAlpha?: string;
  weights?: string[];
  out: string;
  dtype?: "float32" | "bfloat16";
  allow?: MergeDifference[];
  json?: boolean;
}

const FILE_DTYPES = { float32: "F32", bfloat16: "BF16" } as const;

export function mergeCommand(flags: MergeFlags, output: Output): void {
  const { models, out, dtype, allow, json } = flags;
  if (models.length < 2) throw new UsageError("--models: give two or more directories", "merge");
  if (existsSync(out)) throw new Error(`--out: ${out} exists already; choose another place or remove it`);
  const weights = weightsOf(flags);
  const line = new LiveLine(output);
  const result = mergeModels({
    ...weights,
    models,
    out,
    dtype: dtype === undefined ? undefined : FILE_DTYPES[dtype],
    allow,
    onProgress: (done, total) => {
      if (json !== true && output.isTerminal)
        line.show(`merged ${formatCount(done)} of ${formatCount(total)} parameters`);
    },
  });
  line.clear();
  for (const note of result.notes) output.err(`note: ${note}\n`);
  if (result.leftOut.length > 0) {
    const names = `${result.leftOut[0]}${result.leftOut.length > 1 ? " and others" : ""}`;
    output.err(
      `note: ${formatWhole(result.leftOut.length)} computed tensors that not all models have were left out (${names})\n`,
    );
  }
  if (json === true) {
    output.out(`${JSON.stringify({ out, models, ...weights, ...result })}\n`);
    return;
  }
  output.out(
    `${formula(models, weights)}: ${formatCount(result.parameters)} parameters in ${formatWhole(result.tensors)} tensors\nwrote ${out}\n`,
  );
}

function weightsOf({ models, alpha, blockAlpha, weights }: MergeFlags): MergeWeights {
  if (weights !== undefined) {
    if (alpha !== undefined || blockAlpha !== undefined)
      throw new UsageError(
        "--weights: stands in place of --alpha and --block-alpha; leave it or them out",
        "merge",
      );
    return { weights: weights.map(number) };
  }
  if (alpha === undefined) {
    const why =
      blockAlpha === undefined
        ? "--weights, or of two models --alpha"
        : "--alpha, for the tensors outside of blocks";
    throw new UsageError(`give ${why}`, "merge");
  }
  if (models.length !== 2)
    throw new UsageError(`--alpha: mixes two models, ${models.length} are given; use --weights`, "merge");
  return { alpha, ...(blockAlpha === undefined ? {} : { blockAlpha: parseBlockAlpha(blockAlpha) }) };
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value < Number.POSITIVE_INFINITY))
    throw new UsageError(`--weights: "${text}" is not a number of 0 or more`, "merge");
  return value;
}

/** "0.7 * A + 0.3 * B" */
function formula(models: readonly string[], given: MergeWeights): string {
  if (!("weights" in given)) {
    const { alpha, blockAlpha } = given;
    const blocks = blockAlpha === undefined ? "" : ", blocks with alphas of their own";
    return `(1 - ${alpha}) * ${models[0]} + ${alpha} * ${models[1]}${blocks}`;
  }
  const sum = given.weights.reduce((total, weight) => total + weight, 0);
  return models
    .map((dir, i) => `${Number(((given.weights[i] as number) / sum).toPrecision(4))} * ${dir}`)
    .join(" + ");
}
