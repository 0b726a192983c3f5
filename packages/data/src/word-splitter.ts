import {
  ByteLevelPreTokenizer,
  type LibraryOptions,
  type LibraryPreTokenizer,
  SequencePreTokenizer,
} from "./library.js";

export interface WordSplitter {
  /** The words of a section; a word's tokens do not depend on its neighbours. */
  words(section: string, options: LibraryOptions): Iterable<string>;
  /** Words are told as they stand in the text; the model is given their bytes in byte-level spelling. */
  byteLevel: boolean;
}

/**
 * How a text is cut into words, which can be looked up. Byte-level spelling costs more than a look-up, so words are cut from
 * the text as it is and spelled only when they are new.
 *
 * @param mergesStayWithinWords see below
 */
export function wordSplitter(
  preTokenizer: LibraryPreTokenizer | null,
  mergesStayWithinWords: boolean,
): WordSplitter {
  if (preTokenizer instanceof ByteLevelPreTokenizer && preTokenizer.use_regex) {
    const { pattern, add_prefix_space: prefixSpace } = preTokenizer;
    return {
      words: (section) =>
        (prefixSpace && !section.startsWith(" ") ? ` ${section}` : section).match(pattern) ?? [],
      byteLevel: true,
    };
  }
  if (preTokenizer instanceof SequencePreTokenizer) {
    const stages = preTokenizer.tokenizers.filter((stage) => stage !== null);
    const last = stages.at(-1);
    if (last instanceof ByteLevelPreTokenizer && !last.use_regex && !last.add_prefix_space) {
      const earlier = stages.slice(0, -1);
      return {
        words: (section, options) =>
          earlier.reduce((parts, stage) => stage.pre_tokenize(parts, options), [section]),
        byteLevel: true,
      };
    }
  }
  if (mergesStayWithinWords) {
    return {
      words: function* (section, options) {
        for (const part of preTokenize(preTokenizer, section, options))
          yield* part.match(/▁*[^▁]+|▁+/g) ?? [];
      },
      byteLevel: false,
    };
  }
  return { words: (section, options) => preTokenize(preTokenizer, section, options), byteLevel: false };
}

/**
 * Whether a text may be cut before every run of `▁` (the vocabulary's space). SentencePiece models merge over the whole text,
 * but where no merge holds another character followed by `▁`, no token can reach across such a place, and the merges on
 * either side do not touch one another.
 *
 * @param model the `model` of tokenizer.json
 */
export function mergesStayWithinWords(model: Record<string, unknown>, merges: [string, string][]): boolean {
  if (model["type"] !== "BPE") return false;
  if (model["ignore_merges"] || model["end_of_word_suffix"] || model["continuing_subword_suffix"])
    return false;
  return merges.every(([left, right]) => !/[^▁]▁/.test(`${left}${right}`));
}

export function preTokenize(
  preTokenizer: LibraryPreTokenizer | null,
  section: string,
  options: LibraryOptions,
): string[] {
  return preTokenizer === null ? [section] : preTokenizer.pre_tokenize(section, options);
}
