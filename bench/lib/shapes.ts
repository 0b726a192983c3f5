/** The model shapes that are measured, as config.json of a Hugging Face directory. */
import type { JsonConfig } from "@outright/models";

export type ShapeName = "tiny" | "14m" | "70m";

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

/** Pythia-14M and 70M (Biderman et al. 2023, table 1); `tiny` is for trying out the harness itself. */
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
};

export interface ShapeSizes {
  vocab_size: number;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  intermediate_size: number;
}
