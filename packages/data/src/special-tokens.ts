import { join } from "node:path";
import { type Json, parseObject, readText } from "./json-file.js";
import type { LibraryTokenizer } from "./library.js";

/** End-of-text tokens of well-known families, for a tokenizer.json that stands alone. */
const KNOWN_EOS = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<|im_end|>", "<eos>"];

export interface SpecialTokens {
  eosId: number;
  bosId: number | null;
}

/**
 * The ids of the end and begin tokens: named by tokenizer_config.json or special_tokens_map.json, else by generation_config.json or
 * config.json, else an end token of a well-known name.
 */
export async function specialTokens(
  directory: string,
  library: LibraryTokenizer,
  config: Json,
  specialMap: Json,
): Promise<SpecialTokens> {
  const named = (key: string): number | null => {
    const name = tokenContent(config[key]) ?? tokenContent(specialMap[key]);
    if (name === null) return null;
    const id = library.token_to_id(name);
    if (id === undefined)
      throw new Error(`${directory}: ${key} "${name}" is not in the vocabulary of tokenizer.json`);
    return id;
  };
  let eosId = named("eos_token");
  let bosId = named("bos_token");
  for (const file of ["generation_config.json", "config.json"]) {
    if (eosId !== null && bosId !== null) break;
    const text = await readText(join(directory, file));
    if (text === null) continue;
    const values = parseObject(text, join(directory, file));
    eosId ??= firstId(values["eos_token_id"]);
    bosId ??= firstId(values["bos_token_id"]);
  }
  const added = library.get_added_tokens_decoder();
  for (const name of KNOWN_EOS) {
    if (eosId !== null) break;
    const id = library.token_to_id(name);
    if (id !== undefined && added.has(id)) eosId = id;
  }
  if (eosId === null) {
    throw new Error(`${directory}: no end-of-text token; name it as eos_token in tokenizer_config.json`);
  }
  for (const [what, id] of Object.entries({ eos_token_id: eosId, bos_token_id: bosId })) {
    if (id !== null && library.id_to_token(id) === undefined) {
      // A model may pad its vocabulary; a begin token that the tokenizer lacks is simply not used.
      if (what === "bos_token_id") bosId = null;
      else throw new Error(`${directory}: ${what} ${id} is not in the vocabulary of tokenizer.json`);
    }
  }
  return { eosId, bosId };
}

/** A special token as the files write it: a string, or an object with its content. */
export function tokenContent(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "content" in value) return tokenContent(value.content);
  return null;
}

function firstId(value: unknown): number | null {
  const id = Array.isArray(value) ? value[0] : value;
  return Number.isInteger(id) ? (id as number) : null;
}

/** The ids that the post-processor puts in front of a text; what it puts behind is left out. */
export function prefixOf(library: LibraryTokenizer, config: Json, bosId: number | null): number[] {
  const bare = library.encode("a", { add_special_tokens: false }).ids;
  const full = library.encode("a", { add_special_tokens: true }).ids;
  let at = 0;
  while (at < full.length - bare.length && !bare.every((id, i) => full[at + i] === id)) at++;
  const prefix = full.slice(0, at);
  // transformers' Llama and GPT-NeoX classes rebuild the post-processor from this flag.
  if (config["add_bos_token"] === true && prefix.length === 0 && bosId !== null) return [bosId];
  if (config["add_bos_token"] === false && prefix.length === 1 && prefix[0] === bosId) return [];
  return prefix;
}
