/**
 * The Llama family (Touvron et al. 2023; Llama 1–3, TinyLlama): RMSNorm before each half, rotary embedding,
 * grouped query heads, SwiGLU. Reads like the model's own paper.
 */
import {
  attention,
  cachedAttention,
  type Device,
  embedding,
  type Parameter,
  type ParameterOptions,
  rmsNorm,
  rotary,
  siluGate,
  type Tensor,
} from "@outright/tensor";
import { ConfigReader, expectDivides, type JsonConfig, type RopeScaling, readRope } from "./config.js";
import type { KeyValueShape } from "./key-value-cache.js";
import type { LanguageModel, ModelInput } from "./language-model.js";
import { attentionOn, blocks, type Recompute, rowsOf } from "./lifetime.js";
import { Linear } from "./linear.js";
import type { Lora } from "./lora.js";
import { ParameterSet } from "./parameters.js";
import { RotaryCache, rotaryFrequencies } from "./rope.js";

export interface LlamaConfig {
  vocabSize: number;
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  keyHeads: number;
  headSize: number;
  normEps: number;
  maxPositions: number;
  tied: boolean;
  attentionBias: boolean;
  mlpBias: boolean;
  initializerRange: number;
  ropeBase: number;
  ropeScaling: RopeScaling | null;
}

/** @throws for settings that change the model in ways not implemented */
export function readLlamaConfig(json: JsonConfig): LlamaConfig {
  const config = new ConfigReader(json);
  config.refuse("hidden_act", (value) => value === "silu", "Llama uses silu");
  config.refuse("sliding_window", () => false, "sliding windows are not implemented");
  const hidden = config.size("hidden_size");
  const heads = config.size("num_attention_heads");
  const keyHeads = config.size("num_key_value_heads", heads);
  expectDivides("num_attention_heads and num_key_value_heads", keyHeads, heads);
  if (!config.has("head_dim")) expectDivides("hidden_size and num_attention_heads", heads, hidden);
  const rope = readRope(config);
  if (rope.fraction !== 1)
    throw new Error("config.json: a partial rotary embedding is not supported for Llama");
  return {
    vocabSize: config.size("vocab_size"),
    hidden,
    intermediate: config.size("intermediate_size"),
    layers: config.size("num_hidden_layers"),
    heads,
    keyHeads,
    headSize: config.size("head_dim", hidden / heads),
    normEps: config.number("rms_norm_eps", 1e-6),
    maxPositions: config.size("max_position_embeddings", 2048),
    tied: config.boolean("tie_word_embeddings", false),
    attentionBias: config.boolean("attention_bias", false),
    mlpBias: config.boolean("mlp_bias", false),
    initializerRange: config.number("initializer_range", 0.02),
    ropeBase: rope.base,
    ropeScaling: rope.scaling,
  };
}

interface Layer {
  index: number;
  attentionNorm: Parameter;
  q: Linear;
  k: Linear;
  v: Linear;
  o: Linear;
  mlpNorm: Parameter;
  gate: Linear;
  up: Linear;
  down: Linear;
}

export class Llama implements LanguageModel {
  readonly architecture = "LlamaForCausalLM";
  readonly config: LlamaConfig;
  readonly device: Device;
  readonly weights: ParameterSet;
  readonly head: Parameter;
  readonly linears: readonly Linear[];
  lora: Lora | null = null;
  recompute: Recompute = "none";
  readonly #embedding: Parameter;
  readonly #layers: Layer[];
  readonly #norm: Parameter;
  readonly #rotary: RotaryCache;

  constructor(device: Device, config: LlamaConfig, options: ParameterOptions = {}) {
    this.config = config;
    this.device = device;
    const weights = new ParameterSet(device, options);
    this.weights = weights;
    const { hidden: D, vocabSize: V, intermediate, headSize } = config;
    const matrix = { kind: "normal", std: config.initializerRange } as const;
    const one = { kind: "constant", value: 1 } as const;
    const projection = (name: string, out: number, inner: number, bias: boolean) =>
      new Linear(weights, name, [out, inner], { initial: matrix, bias });

    this.#embedding = weights.add("model.embed_tokens.weight", [V, D], matrix);
    this.#layers = Array.from({ length: config.layers }, (_, index): Layer => {
      const at = `model.layers.${index}`;
      const queries = config.heads * headSize;
      const keys = config.keyHeads * headSize;
      return {
        index,
        attentionNorm: weights.add(`${at}.input_layernorm.weight`, [D], one),
        q: projection(`${at}.self_attn.q_proj`, queries, D, config.attentionBias),
        k: projection(`${at}.self_attn.k_proj`, keys, D, config.attentionBias),
        v: projection(`${at}.self_attn.v_proj`, keys, D, config.attentionBias),
        o: projection(`${at}.self_attn.o_proj`, D, queries, config.attentionBias),
        mlpNorm: weights.add(`${at}.post_attention_layernorm.weight`, [D], one),
        gate: projection(`${at}.mlp.gate_proj`, intermediate, D, config.mlpBias),
        up: projection(`${at}.mlp.up_proj`, intermediate, D, config.mlpBias),
        down: projection(`${at}.mlp.down_proj`, D, intermediate, config.mlpBias),
      };
    });
    this.linears = this.#layers.flatMap(({ q, k, v, o, gate, up, down }) => [q, k, v, o, gate, up, down]);
    this.#norm = weights.add("model.norm.weight", [D], one);
    this.head = config.tied ? this.#embedding : weights.add("lm_head.weight", [V, D], matrix);
    this.#rotary = new RotaryCache(device, rotaryFrequencies(headSize, config.ropeBase, config.ropeScaling));
  }

  /** Whether a file may hold this tensor although the model does not use it. */
  static ignores(config: LlamaConfig, name: string): boolean {
    return name.endsWith("rotary_emb.inv_freq") || (config.tied && name === "lm_head.weight");
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
    const { layers, keyHeads, headSize } = this.config;
    return { layers, width: keyHeads * headSize };
  }

  hiddenStates(input: ModelInput, tokens: Tensor | null = null): Tensor {
    const x = blocks(
      this.recompute,
      this.#layers,
      embedding(input.ids, this.#embedding),
      tokens,
      (layer, x, wanted) => this.#layer(layer, x, input, wanted),
    );
    return rmsNorm(x, this.#norm, this.config.normEps);
  }

  #layer(layer: Layer, x: Tensor, input: ModelInput, wanted: Tensor | null): Tensor {
    const h = layer.o.forward(rowsOf(this.#attention(layer, x, input), wanted), rowsOf(x, wanted));
    const normed = rmsNorm(h, layer.mlpNorm, this.config.normEps);
    const activated = siluGate(layer.gate.forward(normed), layer.up.forward(normed));
    return layer.down.forward(activated, h);
  }

  /** attention(norm x), before its output matrix */
  #attention(layer: Layer, x: Tensor, input: ModelInput): Tensor {
    const { heads, keyHeads, headSize } = this.config;
    const tables = this.#rotary.upTo(input.maxPosition);
    const turned = (projected: Tensor) =>
      rotary(projected, input.positions, tables, { headSize, period: 1, rotated: 1 });
    const projections = () => {
      const normed = rmsNorm(x, layer.attentionNorm, this.config.normEps);
      return [turned(layer.q.forward(normed)), turned(layer.k.forward(normed)), layer.v.forward(normed)];
    };
    const shape = { queryHeads: heads, keyHeads, headSize, scale: 1 / Math.sqrt(headSize) };
    return attentionOn(this.recompute, projections, (made) => {
      const [q, k, v] = made as [Tensor, Tensor, Tensor];
      return input.cache === undefined
        ? attention(q, k, v, input, shape)
        : cachedAttention(q, k, v, input.cache.layer(layer.index), input, shape);
    });
  }

  dispose(): void {
    this.lora?.dispose();
    this.weights.dispose();
    this.#rotary.dispose();
  }
}
