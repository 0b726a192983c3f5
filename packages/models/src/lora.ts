/**
 * Low-rank adaptation (Hu et al. 2021): a frozen linear layer W gets y = W x + s · B A drop(x) with A[r, in], B[out, r] and
 * s = alpha / r. Names, initial values and meaning of all settings are those of peft, so that files go both ways.
 */
import {
  type Device,
  type LowRank,
  mergeLowRank,
  type Parameter,
  type ParameterOptions,
} from "@outright/tensor";
import type { LanguageModel } from "./language-model.js";
import type { Linear } from "./linear.js";
import { type LoraSettings, type LoraTarget, loraTargets } from "./lora-targets.js";
import { ParameterSet, type UniformStreams, type WeightSource } from "./parameters.js";

/** Gives each adapter, by its index, the seed of its dropout in this micro-batch: a whole number below 2^53. */
export type DropoutSeeds = (adapter: number) => number;

/** The adapter of one linear layer. */
export class LoraAdapter {
  readonly linear: Linear;
  /** [rank, in] */
  readonly a: Parameter;
  /** [out, rank] */
  readonly b: Parameter;
  readonly scale: number;
  readonly #lora: Lora;
  readonly #index: number;

  constructor(lora: Lora, index: number, { linear, rank, scale }: LoraTarget, weights: ParameterSet) {
    const [out = 0, inner = 0] = linear.weight.shape;
    this.linear = linear;
    this.scale = scale;
    this.#lora = lora;
    this.#index = index;
    const names = loraNames(linear.name);
    // torch's kaiming_uniform_(a = √5), which peft calls, is uniform within ±1/√in
    this.a = weights.add(names.a, [rank, inner], { kind: "uniform", bound: 1 / Math.sqrt(inner) });
    this.b = weights.add(names.b, [out, rank], { kind: "constant", value: 0 });
  }

  /** What the layer adds now; null while adapters are off. */
  active(): LowRank | null {
    const { enabled, dropoutSeeds, settings } = this.#lora;
    if (!enabled) return null;
    const drops = dropoutSeeds !== null && settings.dropout > 0;
    return {
      a: this.a,
      b: this.b,
      scale: this.scale,
      dropout: drops ? { p: settings.dropout, seed: dropoutSeeds(this.#index) } : null,
    };
  }

  /** W + s · B A, summed in float32 onto W at the full precision that is kept. */
  merged(): Float32Array {
    return mergeLowRank(this.linear.weight.precise(), {
      a: this.a.precise(),
      b: this.b.precise(),
      scale: this.scale,
    });
  }
}

/** All adapters of a model. */
export class Lora {
  readonly settings: LoraSettings;
  readonly adapters: readonly LoraAdapter[];
  readonly weights: ParameterSet;
  /** Whether layers add their adapters; off, the model is the base, bit for bit. */
  enabled = true;
  /**
   * Null, as while evaluating and scoring: nothing is dropped. In training it is set before a micro-batch and stays
   * through its backward pass, so that a forward pass that is run again drops the same.
   */
  dropoutSeeds: DropoutSeeds | null = null;

  constructor(
    device: Device,
    targets: readonly LoraTarget[],
    settings: LoraSettings,
    options: ParameterOptions,
  ) {
    const weights = new ParameterSet(device, options, "adapter_config.json");
    this.settings = settings;
    this.weights = weights;
    this.adapters = targets.map((target, index) => new LoraAdapter(this, index, target, weights));
  }

  /** A and B of every adapter, under peft's names. */
  get parameters(): readonly Parameter[] {
    return this.weights.parameters;
  }

  dispose(): void {
    this.weights.dispose();
  }
}

/** peft's names in adapter_model.safetensors. */
export function loraNames(module: string): { a: string; b: string } {
  return {
    a: `base_model.model.${module}.lora_A.weight`,
    b: `base_model.model.${module}.lora_B.weight`,
  };
}

/**
 * Puts adapters on a model's layers: read from a source, or new (A drawn, B zero, so that nothing changes yet).
 * Their values have the dtype of the layers they are on; `options` as of any parameter.
 * @throws where a target is no layer of the model, or the source does not hold exactly these adapters
 */
export function addLora(
  model: LanguageModel,
  settings: LoraSettings,
  weights: { from: WeightSource } | { random: UniformStreams },
  options: Pick<ParameterOptions, "master"> & { trainable: boolean },
): Lora {
  if (model.lora !== null) throw new Error("the model has adapters already; merge them first");
  const targets = loraTargets(model, settings);
  const dtype = model.linears[0]?.weight.dtype === "bfloat16" ? "bfloat16" : "float32";
  const lora = new Lora(model.device, targets, settings, { dtype, ...options });
  try {
    if ("from" in weights) lora.weights.load(weights.from, () => false);
    else lora.weights.initialise(weights.random);
  } catch (error) {
    lora.dispose();
    throw error;
  }
  for (const adapter of lora.adapters) adapter.linear.adapter = adapter;
  model.lora = lora;
  return lora;
}

/**
 * Adds the adapters into the weights, which then are the model's own, and takes them off. The sum is made in float32 and
 * then rounded to what the weights are stored in.
 */
export function mergeLora(model: LanguageModel): void {
  for (const adapter of model.lora?.adapters ?? []) {
    adapter.linear.weight.write(adapter.merged());
    adapter.linear.adapter = null;
  }
  model.lora?.dispose();
  model.lora = null;
}

/** What an optimizer updates: the adapters where there are any, else the model's own weights; frozen ones never. */
export function trainableParameters(model: LanguageModel): Parameter[] {
  return [...model.parameters, ...(model.lora?.parameters ?? [])].filter(({ requiresGrad }) => requiresGrad);
}
