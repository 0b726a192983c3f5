/** The golden models, their rows and the numbers that stand beside them (test/goldens/README.md). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openAdapterDirectory } from "@outright/checkpoint";
import { loadDataset, loadTokenizer, type PairExample, type SftExample } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import type { Device, Parameter } from "@outright/tensor";
import { AdamW, addAdapter, loadModel } from "@outright/trainer";

const goldens = join(import.meta.dirname, "../goldens");

export const GOLDEN_MODELS = [
  "llama-nano",
  "llama-nano-tied",
  "neox-nano",
  "neox-nano-sequential-bf16",
  "neox-nano-lora",
];
/** numbers of a model with an adapter that peft made; only the adapter trains */
const BASES: Record<string, string> = { "neox-nano-lora": "neox-nano" };

const modelDirectory = (name: string) => join(goldens, "models", BASES[name] ?? name);

/** The file of float64 tensors of one model. */
export const goldenTensors = (name: string) => join(goldens, "expected", `${name}.fp64.safetensors`);

/** The float64 numbers of one model. */
export const goldenNumbers = (name: string): unknown =>
  JSON.parse(readFileSync(join(goldens, "expected", `${name}.fp64.json`), "utf8"));

/** The rows that the numbers were made with, in the tokens of this model. */
export async function goldenRows(name: string): Promise<{ sft: SftExample[]; dpo: PairExample[] }> {
  const tokenizer = await loadTokenizer(modelDirectory(name));
  const common = { tokenizer, template: "plain", boundary: "separate", maxLength: 512 } as const;
  const path = (file: string) => join(goldens, "rows", file);
  const sft = await loadDataset({ ...common, kind: "sft", format: "alpaca", path: path("sft.jsonl") });
  const dpo = await loadDataset({ ...common, kind: "dpo", format: "pairs", path: path("dpo.jsonl") });
  return { sft: sft.examples as SftExample[], dpo: dpo.examples as PairExample[] };
}

/** The model with its adapter, if it has one; the caller disposes it. */
export function loadGolden(
  device: Device,
  name: string,
  dtype: "float32" | "bfloat16" = "float32",
): LanguageModel {
  const adapted = name in BASES;
  const { model } = loadModel(device, modelDirectory(name), "pretrained", 0, { dtype, trainable: !adapted });
  if (adapted) {
    const adapter = openAdapterDirectory(join(goldens, "expected", `${name}.adapter`));
    addAdapter(model, adapter, { trainable: true });
  }
  return model;
}

/** AdamW as the numbers were made with it. */
export const goldenAdamW = (parameters: readonly Parameter[], lr: number): AdamW =>
  new AdamW(parameters, {
    name: "adamw",
    lr,
    betas: [0.9, 0.95],
    eps: 1e-8,
    weightDecay: 0,
    clip: 1,
  });
