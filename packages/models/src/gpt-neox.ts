/**
 * GPT-NeoX (Black et al. 2022; Pythia): LayerNorm, fused query/key/value, partial rotary embedding, GELU,
 * and attention beside the MLP (parallel residual) or before it.
 */
import {
  type Device,
  embedding,
  fusedAttention,
  fusedCachedAttention,
  layerNorm,
  type Parameter,
  type ParameterOptions,
  rotary,
  type Tensor,
} from "@outright/tensor";
import {
  ConfigReader,
  expectDivides,
  type JsonConfig,
  type RopeScaling,
  readGelu,
  readRope,
} from "./config.js";
import type { KeyValueShape } from "./key-value-cache.js";
import type { LanguageModel, ModelInput } from "./language-model.js";
import { attentionOn, blocks, type Recompute, rowsOf } from "./lifetime.js";
import { Linear } from "./linear.js";
import type { Lora } from "./lora.js";
import { ParameterSet } from "./parameters.js";
import { RotaryCache, rotaryFrequencies } from "./rope.js";

export interface GptNeoXConfig {
  vocabSize: number;
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  headSize: number;
  /** dimensions of each head that turn */
  rotaryDims: number;
  ropeBase: number;
  ropeScaling: RopeScaling | null;
  activation: "exact" | "tanh";
  normEps: number;
  maxPositions: number;
  parallelResidual: boolean;
  attentionBias: boolean;
  tied: boolean;
  initializerRange: number;
}

/** @throws for settings that change the model in ways not implemented */
export function readGptNeoXConfig(json: JsonConfig): GptNeoXConfig {
  const config = new ConfigReader(json);
  const hidden = config.size("hidden_size");
  const heads = config.size("num_attention_heads");
  expectDivides("hidden_size and num_attention_heads", heads, hidden);
  const rope = readRope(config);
  const headSize = hidden / heads;
  return {
    vocabSize: config.size("vocab_size"),
    hidden,
    intermediate: config.size("intermediate_size"),
    layers: config.size("num_hidden_layers"),
    heads,
    headSize,
    rotaryDims: Math.floor(
      headSize * (config.has("rotary_pct") || config.has("rope_parameters") ? rope.fraction : 0.25),
    ),
    ropeBase: rope.base,
    ropeScaling: rope.scaling,
    activation: readGelu(config.string("hidden_act", "gelu")),
    normEps: config.number("layer_norm_eps", 1e-5),
    maxPositions: config.size("max_position_embeddings", 2048),
    parallelResidual: config.boolean("use_parallel_residual", true),
    attentionBias: config.boolean("attention_bias", true),
    tied: config.boolean("tie_word_embeddings", false),
    initializerRange: config.number("initializer_range", 0.02),
  };
}

interface Affine {
  weight: Parameter;
  bias: Parameter;
}

interface Layer {
  index: number;
  attentionNorm: Affine;
  mlpNorm: Affine;
  queryKeyValue: Linear;
  dense: Linear;
  up: Linear;
  down: Linear;
}

export class GptNeoX implements LanguageModel {
  readonly architecture = "GPTNeoXForCausalLM";
  readonly config: GptNeoXConfig;
  readonly device: Device;
  readonly weights: ParameterSet;
  readonly head: Parameter;
  readonly linears: readonly Linear[];
  lora: Lora | null = null;
  recompute: Recompute = "none";
  readonly #embedding: Parameter;
  readonly #layers: Layer[];
  readonly #norm: Affine;
  readonly #rotary: RotaryCache;

  constructor(device: Device, config: GptNeoXConfig, options: ParameterOptions = {}) {
    this.config = config;
    this.device = device;
    const weights = new ParameterSet(device, options);
    this.weights = weights;
    const { hidden: D, vocabSize: V, intermediate } = config;
    const matrix = { kind: "normal", std: config.initializerRange } as const;
    const one = { kind: "constant", value: 1 } as const;
    const zero = { kind: "constant", value: 0 } as const;
    const norm = (name: string): Affine => ({
      weight: weights.add(`${name}.weight`, [D], one),
      bias: weights.add(`${name}.bias`, [D], zero),
    });
    const dense = (name: string, out: number, inner: number, bias = true) =>
      new Linear(weights, name, [out, inner], { initial: matrix, bias });

    this.#embedding = weights.add("gpt_neox.embed_in.weight", [V, D], matrix);
    this.#layers = Array.from({ length: config.layers }, (_, index): Layer => {
      const at = `gpt_neox.layers.${index}`;
      return {
        index,
        attentionNorm: norm(`${at}.input_layernorm`),
        mlpNorm: norm(`${at}.post_attention_layernorm`),
        queryKeyValue: dense(`${at}.attention.query_key_value`, 3 * D, D, config.attentionBias),
        dense: dense(`${at}.attention.dense`, D, D, config.attentionBias),
        up: dense(`${at}.mlp.dense_h_to_4h`, intermediate, D),
        down: dense(`${at}.mlp.dense_4h_to_h`, D, intermediate),
      };
    });
    this.linears = this.#layers.flatMap(({ queryKeyValue, dense, up, down }) => [
      queryKeyValue,
      dense,
      up,
      down,
    ]);
    this.#norm = norm("gpt_neox.final_layer_norm");
    this.head = config.tied ? this.#embedding : weights.add("embed_out.weight", [V, D], matrix);
    this.#rotary = new RotaryCache(
      device,
      rotaryFrequencies(config.rotaryDims, config.ropeBase, config.ropeScaling),
    );
  }

  /** Whether a file may hold this tensor although the model does not use it (buffers of older exports). */
  static ignores(config: GptNeoXConfig, name: string): boolean {
    return (
      /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/.test(name) ||
      (config.tied && name === "embed_out.weight")
    );
  }

  get parameters(): readonly Parameter[] {
    return this.weights.parameters;
  }

  get vocabSize(): number {
    return this.config.vocabSize;
  }

  get maxPositions(): number {
    return this.config.maxPositions;
  }

  get keyValues(): KeyValueShape {
    const { layers, heads, headSize } = this.config;
    return { layers, width: heads * headSize };
  }

  hiddenStates(input: ModelInput, tokens: Tensor | null = null): Tensor {
    const x = blocks(
      this.recompute,
      this.#layers,
      embedding(input.ids, this.#embedding),
      tokens,
      (layer, x, wanted) => this.#layer(layer, x, input, wanted),
    );
    return this.#normed(x, this.#norm);
  }

  #layer(layer: Layer, x: Tensor, input: ModelInput, wanted: Tensor | null): Tensor {
    const o = rowsOf(this.#attention(layer, x, input), wanted);
    const residual = rowsOf(x, wanted);
    const h = layer.dense.forward(o, residual);
    // parallel residual: x + attention(norm₁ x) + mlp(norm₂ x), else norm₂ sees the attention's sum
    return this.#mlp(layer, this.#normed(this.config.parallelResidual ? residual : h, layer.mlpNorm), h);
  }

  /** attention(norm₁ x), before its output matrix */
  #attention(layer: Layer, x: Tensor, input: ModelInput): Tensor {
    const { heads, headSize } = this.config;
    const turned = () => {
      const qkv = layer.queryKeyValue.forward(this.#normed(x, layer.attentionNorm));
      const tables = this.#rotary.upTo(input.maxPosition);
      return [rotary(qkv, input.positions, tables, { headSize, period: 3, rotated: 2 })];
    };
    const shape = { queryHeads: heads, keyHeads: heads, headSize, scale: 1 / Math.sqrt(headSize) };
    return attentionOn(this.recompute, turned, (made) => {
      const [qkv] = made as [Tensor];
      return input.cache === undefined
        ? fusedAttention(qkv, input, shape)
        : fusedCachedAttention(qkv, input.cache.layer(layer.index), input, shape);
    });
  }

  #mlp(layer: Layer, x: Tensor, residual: Tensor): Tensor {
    return layer.down.forward(layer.up.forwardGelu(x, this.config.activation), residual);
  }

  #normed(x: Tensor, { weight, bias }: Affine): Tensor {
    return layerNorm(x, weight, bias, this.config.normEps);
  }

  dispose(): void {
    this.lora?.dispose();
    this.weights.dispose();
    this.#rotary.dispose();
  }
}
