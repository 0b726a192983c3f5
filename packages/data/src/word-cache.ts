import { spellBytes } from "./byte-level.js";
import {
  BPE,
  ByteLevelPreTokenizer,
  type LibraryBpe,
  type LibraryModel,
  type LibraryOptions,
  type LibraryPreTokenizer,
  type LibraryTokenizer,
  SequencePreTokenizer,
} from "./library.js";

/** Words kept; when full, the cache starts anew. Natural text of 100 MB has about as many. */
const CACHE_LIMIT = 1 << 18;

/** Longer ones (rules of dashes, base64) hardly come twice. */
const LONGEST_KEPT = 256;

/**
 * Makes a library tokenizer remember the tokens of each word that it has met: the same words come again and again, and
 * merging them is most of the work. The ids are exactly those of the library alone.
 *
 * The library cuts a text into sections at its added tokens and calls `model(pre_tokenizer(section))` on each. Here the first
 * of the two calls does both, through the cache, and the second passes the tokens on.
 */
export function rememberWords(library: LibraryTokenizer): void {
  const { model, pre_tokenizer: preTokenizer } = library;
  const { words, spell } = wordSplitter(preTokenizer, model);
  const known = new Map<string, string[]>();

  /** The tokens of a word, or null where one of them is unknown to the vocabulary. */
  function tokensOf(word: string): string[] | null {
    const found = known.get(word);
    if (found !== undefined) return found;
    const tokens = model([spell(word)]);
    const unknown = model.unk_token_id;
    if (unknown !== undefined && tokens.some((token) => (idOf(token) ?? unknown) === unknown)) return null;
    if (known.size >= CACHE_LIMIT) known.clear();
    // A slice would keep its whole text alive; what comes out of a buffer does not.
    if (word.length <= LONGEST_KEPT) known.set(Buffer.from(word, "utf16le").toString("utf16le"), tokens);
    return tokens;
  }

  function idOf(token: string): number | undefined {
    return model.tokens_to_ids.get(token);
  }

  function tokensOfSection(section: string, options: LibraryOptions): string[] {
    const tokens: string[] = [];
    for (const word of words(section, options)) {
      const some = tokensOf(word);
      // Unknown tokens may be fused across words, so the library's own way is taken for the whole section.
      if (some === null) return model(preTokenize(preTokenizer, section, options));
      for (const token of some) tokens.push(token);
    }
    return tokens;
  }

  library.pre_tokenizer = tokensOfSection as unknown as LibraryPreTokenizer;
  library.model = Object.assign((tokens: string[]) => tokens, {
    tokens_to_ids: model.tokens_to_ids,
    vocab: model.vocab,
    unk_token_id: model.unk_token_id,
    unk_token: model.unk_token,
    end_of_word_suffix: model.end_of_word_suffix,
  }) as LibraryModel;
}

interface WordSplitter {
  /** The words of a section; a word's tokens do not depend on its neighbours. */
  words(section: string, options: LibraryOptions): Iterable<string>;
  /** A word as the model wants it. */
  spell(word: string): string;
}

function wordSplitter(preTokenizer: LibraryPreTokenizer | null, model: LibraryModel): WordSplitter {
  const same = (word: string) => word;
  // Byte-level spelling costs more than a look-up, so words are looked up as they are and spelled when new.
  if (preTokenizer instanceof ByteLevelPreTokenizer && preTokenizer.use_regex) {
    const { pattern, add_prefix_space: prefixSpace } = preTokenizer;
    return {
      words: (section) =>
        (prefixSpace && !section.startsWith(" ") ? ` ${section}` : section).match(pattern) ?? [],
      spell: spellBytes,
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
        spell: spellBytes,
      };
    }
  }
  if (model instanceof BPE && mergesStayWithinWords(model)) {
    return {
      words: function* (section, options) {
        for (const part of preTokenize(preTokenizer, section, options))
          yield* part.match(/▁*[^▁]+|▁+/g) ?? [];
      },
      spell: same,
    };
  }
  return { words: (section, options) => preTokenize(preTokenizer, section, options), spell: same };
}

/**
 * Whether a text may be cut before every run of `▁` (the vocabulary's space). SentencePiece models merge over the whole text,
 * but where no merge holds another character followed by `▁`, no token can reach across such a place, and the merges on
 * either side do not touch one another.
 */
function mergesStayWithinWords(model: LibraryBpe): boolean {
  if (model.ignore_merges || model.end_of_word_suffix || model.continuing_subword_suffix) return false;
  return model.merges.every(([left, right]) => !/[^▁]▁/.test(`${left}${right}`));
}

function preTokenize(
  preTokenizer: LibraryPreTokenizer | null,
  section: string,
  options: LibraryOptions,
): string[] {
  return preTokenizer === null ? [section] : preTokenizer.pre_tokenize(section, options);
}
