import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ChatTemplate, chatTemplate } from "./chat-template.js";
import { Tokenizer as HuggingFaceTokenizer, type LibraryTokenizer } from "./library.js";
import { byteEnds } from "./token-bytes.js";
import type { ChatMessage, Tokenizer } from "./types.js";
import { rememberWords } from "./word-cache.js";

type Json = Record<string, unknown>;

/** End-of-text tokens of well-known families, for a tokenizer.json that stands alone. */
const KNOWN_EOS = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<|im_end|>", "<eos>"];

/**
 * Loads the tokenizer of a Hugging Face directory: `tokenizer.json`, and where they exist `tokenizer_config.json`,
 * `special_tokens_map.json` and `chat_template.jinja`. The end-of-text token is the one these name, else the one of
 * `generation_config.json` or `config.json`.
 *
 * @throws Error in one line, where a file is missing or broken or there is no end-of-text token
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const path = join(directory, "tokenizer.json");
  const main = await readText(path);
  if (main === null) {
    throw new Error(
      `${path}: there is no such file; only tokenizer.json is read (transformers' save_pretrained of a fast tokenizer writes one)`,
    );
  }
  const configText = await readText(join(directory, "tokenizer_config.json"));
  const mapText = await readText(join(directory, "special_tokens_map.json"));
  const templateText = await readText(join(directory, "chat_template.jinja"));
  const config = configText === null ? {} : parseObject(configText, join(directory, "tokenizer_config.json"));
  const specialMap = mapText === null ? {} : parseObject(mapText, join(directory, "special_tokens_map.json"));
  const json = parseObject(main, path);
  const library = build(json, config, path);

  const special = await specialTokens(directory, library, config, specialMap);
  const hash = createHash("sha256");
  for (const text of [main, configText, mapText, templateText])
    hash.update(`${text?.length ?? -1}\n${text ?? ""}`);
  hash.update(`${special.eosId} ${special.bosId}`);
  return new DirectoryTokenizer({
    directory,
    library,
    ...special,
    prefixIds: prefixOf(library, config, special.bosId),
    hash: hash.digest("hex"),
    template: chatTemplate(directory, config, specialMap, templateText),
    composes: (json["normalizer"] as { type?: unknown } | null | undefined)?.type === "NFC",
  });
}

function build(json: Json, config: Json, path: string): LibraryTokenizer {
  if (typeof json["model"] !== "object" || json["model"] === null) {
    throw new Error(`${path}: has no "model"; it is not a tokenizer.json`);
  }
  const parts = {
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    added_tokens: [],
  };
  try {
    const library = new HuggingFaceTokenizer({ ...parts, ...json }, config);
    rememberWords(library);
    return library;
  } catch (error) {
    throw new Error(`${path}: cannot be used: ${(error as Error).message.replace(/\s+/g, " ")}`);
  }
}

interface SpecialTokens {
  eosId: number;
  bosId: number | null;
}

async function specialTokens(
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
function prefixOf(library: LibraryTokenizer, config: Json, bosId: number | null): number[] {
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

interface DirectoryTokenizerParts extends SpecialTokens {
  directory: string;
  library: LibraryTokenizer;
  prefixIds: number[];
  hash: string;
  template: ChatTemplate | null;
  /** The normalizer is Unicode's NFC. */
  composes: boolean;
}

class DirectoryTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly eosId: number;
  readonly bosId: number | null;
  readonly hash: string;
  readonly prefixIds: readonly number[];
  readonly hasChatTemplate: boolean;
  readonly #parts: DirectoryTokenizerParts;
  readonly #addedIds: Set<number>;

  constructor(parts: DirectoryTokenizerParts) {
    this.#parts = parts;
    this.eosId = parts.eosId;
    this.bosId = parts.bosId;
    this.hash = parts.hash;
    this.prefixIds = parts.prefixIds;
    this.hasChatTemplate = parts.template !== null;
    this.#addedIds = new Set(parts.library.get_added_tokens_decoder().keys());
    let largest = -1;
    for (const id of parts.library.model.tokens_to_ids.values()) largest = Math.max(largest, id);
    this.vocabSize = largest + 1;
  }

  encode(text: string, options: { specialTokens: boolean }): number[] {
    const ids = this.#parts.library.encode(text, { add_special_tokens: false }).ids;
    return options.specialTokens && this.prefixIds.length > 0 ? [...this.prefixIds, ...ids] : ids;
  }

  decode(ids: ArrayLike<number>, options: { skipSpecialTokens?: boolean } = {}): string {
    // Models pad their vocabularies; an id without a token has no text.
    const known = Array.from(ids).filter((id) => this.token(id) !== undefined);
    if (known.length === 0) return "";
    const { library } = this.#parts;
    const shown = options.skipSpecialTokens ? known.filter((id) => !this.#isSpecial(id)) : known;
    if (shown.length === 0) return "";
    return library.decode(shown, { clean_up_tokenization_spaces: false });
  }

  token(id: number): string | undefined {
    return this.#parts.library.id_to_token(id);
  }

  chat(messages: readonly ChatMessage[], options: { addGenerationPrompt?: boolean } = {}): string {
    if (this.#parts.template === null) {
      throw new Error(
        `${this.#parts.directory}: the tokenizer has no chat template; choose template plain, clean or alpaca, or add chat_template.jinja`,
      );
    }
    return this.#parts.template(messages, options.addGenerationPrompt ?? false);
  }

  encodeJoint(prompt: string, response: string): { ids: number[]; promptTokens: number } {
    const { library, composes, directory } = this.#parts;
    const { ids } = library.encode(prompt + response, { add_special_tokens: false });
    // Unicode composition is the one change to the text that can be followed, where it does not reach across the seam.
    const [before, after, whole] = [prompt, response, prompt + response].map((text) =>
      composes ? text.normalize("NFC") : text,
    ) as [string, string, string];
    const tokens = ids.map((id) => ({ token: this.token(id) ?? "", added: this.#addedIds.has(id) }));
    const ends = before + after === whole ? byteEnds(whole, tokens) : null;
    if (ends === null) {
      throw new Error(
        `${directory}: the tokenizer changes the text, so boundary joint cannot tell where the response begins; use boundary separate`,
      );
    }
    const seam = Buffer.byteLength(before);
    const promptTokens = ends.findIndex((end) => end > seam);
    return { ids, promptTokens: promptTokens < 0 ? ids.length : promptTokens };
  }

  #isSpecial(id: number): boolean {
    return this.#parts.library.get_added_tokens_decoder().get(id)?.special === true;
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new Error(`${path}: cannot be read: ${message.replace(/\s+/g, " ")}`);
  }
}

function parseObject(text: string, path: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: is not valid JSON: ${(error as Error).message.replace(/\s+/g, " ")}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${path}: must hold a JSON object`);
  }
  return value as Json;
}
