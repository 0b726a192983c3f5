/**
 * From a text to ids, as the library's `encode` does it without special tokens, but remembering the ids of each word: the same
 * words come again and again, and merging them is most of the work.
 *
 * The library cuts a text into sections at its added tokens, normalises each section, cuts it again at the added tokens that
 * are themselves normalised, and calls `model(pre_tokenizer(section))` on what lies between.
 */

import { type BpeTables, bpeWord } from "./bpe.js";
import { spellBytes } from "./byte-level.js";
import type { LibraryAddedToken, LibraryOptions, LibraryTokenizer } from "./library.js";
import { preTokenize, type WordSplitter } from "./word-splitter.js";

/** Words kept; when full, the cache starts anew. Natural text of 100 MB has about as many. */
const CACHE_LIMIT = 1 << 18;

/** Longer ones (rules of dashes, base64) hardly come twice. */
const LONGEST_KEPT = 256;

/**
 * @param splitter what `wordSplitter` made for this library
 * @param tables the model as numbers; where null, the library's own model is asked for the tokens of new words
 */
export function tokenEncoder(
  library: LibraryTokenizer,
  splitter: WordSplitter,
  tables: BpeTables | null,
): (text: string) => number[] {
  const { model, normalizer, pre_tokenizer: preTokenizer, added_tokens_map: added } = library;
  if (cleansText(library)) {
    return (text) => library.encode(text, { add_special_tokens: false }).ids;
  }
  const sectionsOf = sectionSplitter(
    library.added_tokens.filter((token) => !isNormalized(token)).map(({ content }) => content),
  );
  const normalizedSectionsOf = sectionSplitter(
    library.added_tokens
      .filter(isNormalized)
      .map((token) => (normalizer === null ? token.content : normalizer.normalize(token.content))),
  );
  const known = new Map<string, number[]>();

  function isNormalized(token: LibraryAddedToken): boolean {
    return token.normalized && normalizer !== null;
  }

  /** The ids of a word, or null where one of its tokens is unknown to the vocabulary. */
  function idsOf(word: string): number[] | null {
    const found = known.get(word);
    if (found !== undefined) return found;
    const ids = tables === null ? libraryIds(word) : bpeWord(word, tables);
    if (ids === null) return null;
    if (known.size >= CACHE_LIMIT) known.clear();
    // A slice would keep its whole text alive; what comes out of a buffer does not.
    if (word.length <= LONGEST_KEPT) known.set(Buffer.from(word, "utf16le").toString("utf16le"), ids);
    return ids;
  }

  function libraryIds(word: string): number[] | null {
    const tokens = model([splitter.byteLevel ? spellBytes(word) : word]);
    const unknown = model.unk_token_id;
    const ids: number[] = [];
    for (const token of tokens) {
      const id = idOf(token);
      if (unknown !== undefined && id === unknown) return null;
      ids.push(id);
    }
    return ids;
  }

  function idOf(token: string): number {
    return (added.get(token)?.id ?? model.tokens_to_ids.get(token) ?? model.unk_token_id) as number;
  }

  function encodeSection(section: string, options: LibraryOptions, ids: number[]): void {
    const before = ids.length;
    for (const word of splitter.words(section, options)) {
      const some = idsOf(word);
      if (some === null) {
        // Unknown tokens may be fused across words, so the library's own way is taken for the whole section.
        ids.length = before;
        for (const token of model(preTokenize(preTokenizer, section, options))) ids.push(idOf(token));
        return;
      }
      for (const id of some) ids.push(id);
    }
  }

  return (text) => {
    const ids: number[] = [];
    const sections = sectionsOf(text);
    trimBesideAddedTokens(sections, added);
    sections.forEach((section, index) => {
      if (section === "") return;
      const token = added.get(section);
      if (token !== undefined) return void ids.push(token.id);
      const normalized = normalizer === null ? section : normalizer.normalize(section);
      if (normalized === "") return;
      const parts = normalizedSectionsOf(normalized);
      trimBesideAddedTokens(parts, added);
      for (const part of parts) {
        if (part === "") continue;
        const inner = added.get(part);
        if (inner !== undefined) ids.push(inner.id);
        else encodeSection(part, { section_index: index }, ids);
      }
    });
    return ids;
  };
}

/** The library has a text cleaned before it is normalised, which no model of the families trained here asks for: it does all itself. */
export function cleansText(library: LibraryTokenizer): boolean {
  return library.remove_space === true || library.do_lowercase_and_remove_accent;
}

/** Cuts a text at every one of these words, which become sections of their own: from left to right, the longest first. */
function sectionSplitter(words: readonly string[]): (text: string) => string[] {
  const spelled = words
    .filter((word) => word !== "")
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  if (spelled.length === 0) return (text) => (text === "" ? [] : [text]);
  const pattern = new RegExp(spelled.join("|"), "g");
  return (text) => {
    const sections: string[] = [];
    let from = 0;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      if (match.index > from) sections.push(text.slice(from, match.index));
      sections.push(match[0]);
      from = match.index + match[0].length;
    }
    if (from < text.length) sections.push(from === 0 ? text : text.slice(from));
    return sections;
  };
}

/** An added token may take the white space beside it. */
function trimBesideAddedTokens(sections: string[], added: ReadonlyMap<string, LibraryAddedToken>): void {
  if (sections.length < 2) return;
  sections.forEach((section, i) => {
    const token = added.get(section);
    if (token === undefined) return;
    if (token.lstrip && i > 0) sections[i - 1] = (sections[i - 1] as string).trimEnd();
    if (token.rstrip && i < sections.length - 1) sections[i + 1] = (sections[i + 1] as string).trimStart();
  });
}
