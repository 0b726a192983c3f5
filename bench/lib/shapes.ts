/** The model shapes that are measured, as config.json of a Hugging Face directory. */
import type { JsonConfig } from "@outright/models";

export type ShapeName = "tiny" | "14m" | "70m" | "1b" | "8b";

const PYTHIA = {
  architectures: ["GPTNeoXForCausalLM"],
  model_type: "gpt_neox",
  vocab_size: 50304,
  num_hidden_layers: 6,
  max_position_embeddings: 2048,
  rotary_pct: 0.25,
  rotary_emb_base: 10000,
  hidden_act: "gelu",
  layer_norm_eps: 1e-5,
  use_parallel_residual: true,
  initializer_range: 0.02,
  tie_word_embeddings: false,
  attention_dropout: 0,
  hidden_dropout: 0,
  bos_token_id: 0,
  eos_token_id: 0,
};

/**
 * Pythia-14M, 70M and 1B (Biderman et al. 2023, table 1) and Llama-3-8B (Grattafiori et al. 2024, table 3); `tiny` is for
 * trying out the harness itself.
 */
export const SHAPES: Record<ShapeName, JsonConfig & ShapeSizes> = {
  tiny: {
    ...PYTHIA,
    vocab_size: 512,
    num_hidden_layers: 2,
    hidden_size: 32,
    num_attention_heads: 2,
    intermediate_size: 64,
  },
  "14m": { ...PYTHIA, hidden_size: 128, num_attention_heads: 4, intermediate_size: 512 },
  "70m": { ...PYTHIA, hidden_size: 512, num_attention_heads: 8, intermediate_size: 2048 },
  "1b": {
    ...PYTHIA,
    num_hidden_layers: 16,
    hidden_size: 2048,
    num_attention_heads: 8,
    intermediate_size: 8192,
  },
  "8b": {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: 128256,
    num_hidden_layers: 32,
    max_position_embeddings: 8192,
    hidden_size: 4096,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 14336,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    initializer_range: 0.02,
    tie_word_embeddings: false,
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: 128000,
    eos_token_id: 128001,
  },
};

/** Shapes whose weights are written in bfloat16, and repeat: drawing each number would take minutes. */
export const isLarge = (shape: ShapeName): boolean => shape === "1b" || shape === "8b";

/** all linear layers of a shape's blocks, as in peft */
export const loraTargets = (shape: ShapeName): string[] =>
  SHAPES[shape]["model_type"] === "llama"
    ? ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    : ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"];

/** Key/value heads: as many as query heads where the config does not say. */
export const keyHeads = ({ num_key_value_heads, num_attention_heads }: ShapeSizes): number =>
  num_key_value_heads ?? num_attention_heads;

export interface ShapeSizes {
  vocab_size: number;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads?: number;
  intermediate_size: number;
}
