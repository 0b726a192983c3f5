import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type BpeTables, bpeTables, mergePairs } from "./bpe.js";
import { type ChatTemplate, chatTemplate } from "./chat-template.js";
import { type Json, parseObject, readText } from "./json-file.js";
import { Tokenizer as HuggingFaceTokenizer, type LibraryTokenizer } from "./library.js";
import { prefixOf, type SpecialTokens, specialTokens } from "./special-tokens.js";
import { byteEnds } from "./token-bytes.js";
import { cleansText, tokenEncoder } from "./token-encoder.js";
import type { ChatMessage, Tokenizer } from "./types.js";
import { mergesStayWithinWords, wordSplitter } from "./word-splitter.js";

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
    if (!existsSync(directory)) throw new Error(`${directory}: there is no such model directory`);
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
  const { library, words } = build(json, config, path);

  const special = await specialTokens(directory, library, config, specialMap);
  const hash = createHash("sha256");
  for (const text of [main, configText, mapText, templateText])
    hash.update(`${text?.length ?? -1}\n${text ?? ""}`);
  hash.update(`${special.eosId} ${special.bosId}`);
  return new DirectoryTokenizer(library, {
    directory,
    json,
    config,
    specialMap,
    templateText,
    ...words,
    ...special,
    prefixIds: prefixOf(library, config, special.bosId),
    vocabSize: largestIdOf(library) + 1,
    hash: hash.digest("hex"),
  });
}

/**
 * All that a tokenizer is made from, as plain data that other threads can be sent: they need neither read nor parse the files
 * again, nor hold the vocabulary. Null where the model has no tables: another thread loads the directory itself.
 */
export function tokenizerParts(tokenizer: Tokenizer): TokenizerParts | null {
  if (!(tokenizer instanceof DirectoryTokenizer) || tokenizer.parts.tables === null) return null;
  const { parts } = tokenizer;
  const { json, eosId, bosId, prefixIds } = parts;
  const vocab: Record<string, number> = {};
  for (const id of [eosId, ...(bosId === null ? [] : [bosId]), ...prefixIds]) {
    vocab[tokenizer.token(id) as string] = id;
  }
  return { ...parts, json: { ...json, model: { ...(json["model"] as Json), vocab, merges: [] } } };
}

/** The directory of a tokenizer that `loadTokenizer` made; null for any other. */
export function tokenizerDirectory(tokenizer: Tokenizer): string | null {
  return tokenizer instanceof DirectoryTokenizer ? tokenizer.parts.directory : null;
}

/**
 * A tokenizer from its parts. It encodes, and renders chats; of tokens it knows only the special ones, so it can neither decode nor
 * find the seam of a joint text.
 */
export function tokenizerFromParts(parts: TokenizerParts): Tokenizer {
  return new DirectoryTokenizer(libraryOf(parts.json, parts.config), parts);
}

/** The library's tokenizer, and how new words get their ids. */
function build(
  json: Json,
  config: Json,
  path: string,
): { library: LibraryTokenizer; words: Pick<TokenizerParts, "tables" | "staysWithinWords"> } {
  const model = json["model"] as Json | null;
  if (typeof model !== "object" || model === null) {
    throw new Error(`${path}: has no "model"; it is not a tokenizer.json`);
  }
  try {
    const merges = Array.isArray(model["merges"]) ? model["merges"] : [];
    const isBpe = model["type"] === "BPE";
    // With tables of our own the library need not prepare its merges, which takes as long as all the rest.
    let library = libraryOf(isBpe ? { ...json, model: { ...model, merges: [] } } : json, config);
    const { byteLevel } = wordSplitter(library.pre_tokenizer, false);
    const staysWithinWords = isBpe && !byteLevel && mergesStayWithinWords(model, mergePairs(merges));
    const tables = cleansText(library) ? null : bpeTables(model, library.model.tokens_to_ids, byteLevel);
    if (isBpe && tables === null) library = libraryOf(json, config);
    return { library, words: { tables, staysWithinWords } };
  } catch (error) {
    throw new Error(`${path}: cannot be used: ${(error as Error).message.replace(/\s+/g, " ")}`);
  }
}

function libraryOf(json: Json, config: Json): LibraryTokenizer {
  const parts = {
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    added_tokens: [],
  };
  return new HuggingFaceTokenizer({ ...parts, ...json }, config);
}

function largestIdOf(library: LibraryTokenizer): number {
  let largest = -1;
  for (const id of library.model.tokens_to_ids.values()) largest = Math.max(largest, id);
  return largest;
}

/** See `tokenizerParts`. */
export interface TokenizerParts extends SpecialTokens {
  directory: string;
  /** tokenizer.json */
  json: Json;
  /** tokenizer_config.json */
  config: Json;
  /** special_tokens_map.json */
  specialMap: Json;
  /** chat_template.jinja */
  templateText: string | null;
  tables: BpeTables | null;
  /** a text may be cut before runs of `▁` */
  staysWithinWords: boolean;
  prefixIds: number[];
  vocabSize: number;
  hash: string;
}

class DirectoryTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly eosId: number;
  readonly bosId: number | null;
  readonly hash: string;
  readonly prefixIds: readonly number[];
  readonly hasChatTemplate: boolean;
  readonly parts: TokenizerParts;
  readonly #library: LibraryTokenizer;
  readonly #encode: (text: string) => number[];
  readonly #template: ChatTemplate | null;
  /** The normalizer is Unicode's NFC. */
  readonly #composes: boolean;
  readonly #addedIds: Set<number>;
  readonly #specialIds: Set<number>;

  constructor(library: LibraryTokenizer, parts: TokenizerParts) {
    this.parts = parts;
    this.#library = library;
    this.#encode = tokenEncoder(
      library,
      wordSplitter(library.pre_tokenizer, parts.staysWithinWords),
      parts.tables,
    );
    const { directory, config, specialMap, templateText } = parts;
    this.#template = chatTemplate(directory, config, specialMap, templateText);
    this.#composes = (parts.json["normalizer"] as { type?: unknown } | null | undefined)?.type === "NFC";
    this.eosId = parts.eosId;
    this.bosId = parts.bosId;
    this.hash = parts.hash;
    this.prefixIds = parts.prefixIds;
    this.vocabSize = parts.vocabSize;
    this.hasChatTemplate = this.#template !== null;
    const added = library.added_tokens;
    this.#addedIds = new Set(added.map(({ id }) => id));
    this.#specialIds = new Set(added.filter(({ special }) => special).map(({ id }) => id));
  }

  encode(text: string, options: { specialTokens: boolean }): number[] {
    const ids = this.#encode(text);
    return options.specialTokens && this.prefixIds.length > 0 ? [...this.prefixIds, ...ids] : ids;
  }

  decode(ids: ArrayLike<number>, options: { skipSpecialTokens?: boolean } = {}): string {
    // Models pad their vocabularies; an id without a token has no text.
    const known = Array.from(ids).filter((id) => this.token(id) !== undefined);
    if (known.length === 0) return "";
    const shown = options.skipSpecialTokens ? known.filter((id) => !this.#specialIds.has(id)) : known;
    if (shown.length === 0) return "";
    return this.#library.decode(shown, { clean_up_tokenization_spaces: false });
  }

  token(id: number): string | undefined {
    return this.#library.id_to_token(id);
  }

  chat(messages: readonly ChatMessage[], options: { addGenerationPrompt?: boolean } = {}): string {
    if (this.#template === null) {
      throw new Error(
        `${this.parts.directory}: the tokenizer has no chat template; choose template plain, clean or alpaca, or add chat_template.jinja`,
      );
    }
    return this.#template(messages, options.addGenerationPrompt ?? false);
  }

  encodeJoint(prompt: string, response: string): { ids: number[]; promptTokens: number } {
    const ids = this.#encode(prompt + response);
    // Unicode composition is the one change to the text that can be followed, where it does not reach across the seam.
    const [before, after, whole] = [prompt, response, prompt + response].map((text) =>
      this.#composes ? text.normalize("NFC") : text,
    ) as [string, string, string];
    const tokens = ids.map((id) => ({ token: this.token(id) ?? "", added: this.#addedIds.has(id) }));
    const ends = before + after === whole ? byteEnds(whole, tokens) : null;
    if (ends === null) {
      throw new Error(
        `${this.parts.directory}: the tokenizer changes the text, so boundary joint cannot tell where the response begins; use boundary separate`,
      );
    }
    const seam = Buffer.byteLength(before);
    const promptTokens = ends.findIndex((end) => end > seam);
    return { ids, promptTokens: promptTokens < 0 ? ids.length : promptTokens };
  }
}
