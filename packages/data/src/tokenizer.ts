import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ChatTemplate, chatTemplate } from "./chat-template.js";
import { type Json, parseObject, readText } from "./json-file.js";
import { Tokenizer as HuggingFaceTokenizer, type LibraryTokenizer } from "./library.js";
import { prefixOf, type SpecialTokens, specialTokens } from "./special-tokens.js";
import { byteEnds } from "./token-bytes.js";
import type { ChatMessage, Tokenizer } from "./types.js";
import { rememberWords } from "./word-cache.js";

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
  readonly #specialIds: Set<number>;

  constructor(parts: DirectoryTokenizerParts) {
    this.#parts = parts;
    this.eosId = parts.eosId;
    this.bosId = parts.bosId;
    this.hash = parts.hash;
    this.prefixIds = parts.prefixIds;
    this.hasChatTemplate = parts.template !== null;
    const added = [...parts.library.get_added_tokens_decoder()];
    this.#addedIds = new Set(added.map(([id]) => id));
    this.#specialIds = new Set(added.filter(([, { special }]) => special).map(([id]) => id));
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
    const shown = options.skipSpecialTokens ? known.filter((id) => !this.#specialIds.has(id)) : known;
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
}
