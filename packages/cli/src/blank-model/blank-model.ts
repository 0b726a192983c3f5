/** A model directory without weights, for `init: random`: a small Llama with a tokenizer of its own. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BOS, EOS, type TrainedTokenizer, writeTokenizer } from "./tokenizer-maker.js";

export interface BaseShape {
  hidden: number;
  layers: number;
  heads: number;
  intermediate: number;
  /** longest text in tokens */
  positions: number;
}

/** Small enough to be trained from nothing in well under a minute. */
export const BASE_SHAPE: BaseShape = { hidden: 128, layers: 3, heads: 4, intermediate: 320, positions: 256 };

/** config.json of a Hugging Face LlamaForCausalLM with input and output embeddings shared. */
export function baseConfig(
  tokenizer: TrainedTokenizer,
  shape: BaseShape = BASE_SHAPE,
): Record<string, unknown> {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: tokenizer.vocabulary.get(BOS),
    eos_token_id: tokenizer.vocabulary.get(EOS),
    hidden_act: "silu",
    hidden_size: shape.hidden,
    initializer_range: 0.02,
    intermediate_size: shape.intermediate,
    max_position_embeddings: shape.positions,
    mlp_bias: false,
    num_attention_heads: shape.heads,
    num_hidden_layers: shape.layers,
    num_key_value_heads: shape.heads,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    rope_scaling: null,
    tie_word_embeddings: true,
    torch_dtype: "float32",
    use_cache: true,
    vocab_size: tokenizer.vocabulary.size,
  };
}

/** Number of weights, by hand: embeddings, and per layer four D×D, three D×F and two norms, then the last norm. */
export function countParameters(
  vocabulary: number,
  { hidden: d, layers, intermediate: f }: BaseShape,
): number {
  return vocabulary * d + layers * (4 * d * d + 3 * d * f + 2 * d) + d;
}

/** A model directory without weights: what `init: random` starts from. */
export async function writeBaseDirectory(
  directory: string,
  tokenizer: TrainedTokenizer,
  shape: BaseShape = BASE_SHAPE,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(
    join(directory, "config.json"),
    `${JSON.stringify(baseConfig(tokenizer, shape), null, 2)}\n`,
  );
  await writeTokenizer(directory, tokenizer, shape.positions);
}
