/** A model directory without weights: a small Llama and a tokenizer of single bytes. `init: random` needs no more. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const END = "<|end|>";
const END_ID = 256;

export function writeTinyModel(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, value: object): void => {
    writeFileSync(join(directory, name), `${JSON.stringify(value, null, 2)}\n`);
  };
  write("config.json", {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: END_ID + 1,
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: "silu",
    tie_word_embeddings: true,
    initializer_range: 0.02,
    bos_token_id: null,
    eos_token_id: END_ID,
  });
  write("tokenizer_config.json", { tokenizer_class: "PreTrainedTokenizerFast", eos_token: END });
  write("tokenizer.json", {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      {
        id: END_ID,
        content: END,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(byteLetters().map((letter, byte) => [letter, byte])),
      merges: [],
    },
  });
}

/** GPT-2's printable stand-in for each byte: printable ones are themselves, the others follow from U+0100 on. */
function byteLetters(): string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++));
}
