/**
 * Trains a small byte-level BPE tokenizer (Sennrich et al. 2016, on bytes as in GPT-2) and writes it as the files that
 * Hugging Face tokenizers and transformers load. Ties between equally frequent pairs go to the lower token ids, so the
 * same texts give the same tokenizer everywhere.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export const BOS = "<s>";
export const EOS = "</s>";

export interface TrainedTokenizer {
  /** token → id: BOS, EOS, the 256 bytes, then one token per merge */
  vocabulary: Map<string, number>;
  /** pairs in the order they are merged, in the byte-to-character alphabet */
  merges: [string, string][];
}

/** GPT-2's pre-tokenizer: a space belongs to the word after it; letters, digits and the rest never mix. */
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** GPT-2's map from bytes to printable characters, by byte. */
export function byteAlphabet(): string[] {
  const printable = (b: number): boolean =>
    (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

/**
 * @param size vocabulary size wanted, specials and bytes included; fewer where the texts give no more pairs
 */
export function trainTokenizer(texts: Iterable<string>, size: number): TrainedTokenizer {
  const alphabet = byteAlphabet();
  if (size < 2 + alphabet.length)
    throw new RangeError(`trainTokenizer: a byte-level vocabulary needs at least 258 entries, got ${size}`);
  const vocabulary = new Map([BOS, EOS, ...alphabet].map((token, id) => [token, id]));
  const tokens = [BOS, EOS, ...alphabet];

  const counts = new Map<string, number>();
  for (const text of texts)
    for (const [piece] of text.matchAll(PIECES)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const words = [...counts].map(([piece, count]) => ({
    ids: [...Buffer.from(piece, "utf8")].map((byte) => byte + 2),
    count,
  }));
  const pairs = new PairCounts(size);
  for (const [index, { ids, count }] of words.entries()) pairs.add(ids, count, index);

  const merges: [string, string][] = [];
  while (tokens.length < size) {
    const best = pairs.mostFrequent();
    if (best === undefined) break;
    const [left, right] = best;
    const id = tokens.length;
    tokens.push(tokens[left]! + tokens[right]!);
    vocabulary.set(tokens[id]!, id);
    merges.push([tokens[left]!, tokens[right]!]);
    for (const index of pairs.wordsWith(left, right)) {
      const word = words[index]!;
      pairs.add(word.ids, -word.count, index);
      word.ids = merge(word.ids, left, right, id);
      pairs.add(word.ids, word.count, index);
    }
  }
  return { vocabulary, merges };
}

/** How often each pair of neighbours stands in the texts, kept up to date as words change. */
class PairCounts {
  readonly #size: number;
  readonly #counts = new Map<number, number>();
  /** words that have, or once had, the pair */
  readonly #words = new Map<number, Set<number>>();

  /** @param size more than any id */
  constructor(size: number) {
    this.#size = size;
  }

  /** @param count of the word in the texts; negative to take it out */
  add(ids: readonly number[], count: number, word: number): void {
    for (let i = 0; i + 1 < ids.length; i++) {
      const key = ids[i]! * this.#size + ids[i + 1]!;
      const total = (this.#counts.get(key) ?? 0) + count;
      if (total === 0) {
        this.#counts.delete(key);
        continue;
      }
      this.#counts.set(key, total);
      const words = this.#words.get(key);
      if (words === undefined) this.#words.set(key, new Set([word]));
      else words.add(word);
    }
  }

  /** Of equally frequent ones that with the lower ids; undefined where none stands twice. */
  mostFrequent(): [left: number, right: number] | undefined {
    let best = -1;
    let most = 1;
    for (const [key, count] of this.#counts)
      if (count > most || (count === most && best >= 0 && key < best)) [best, most] = [key, count];
    return best < 0 ? undefined : [Math.floor(best / this.#size), best % this.#size];
  }

  wordsWith(left: number, right: number): number[] {
    const key = left * this.#size + right;
    const words = [...(this.#words.get(key) ?? [])];
    this.#words.delete(key);
    return words;
  }
}

function merge(ids: number[], left: number, right: number, id: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) {
      out.push(id);
      i++;
    } else out.push(ids[i]!);
  }
  return out;
}

/** Contents of tokenizer.json. BOS is put in front of every text; EOS is left to those who end one. */
export function tokenizerJson({ vocabulary, merges }: TrainedTokenizer): object {
  const special = (content: string) => ({
    id: vocabulary.get(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const bos = { SpecialToken: { id: BOS, type_id: 0 } };
  const sequence = (id: "A" | "B", type_id: number) => ({ Sequence: { id, type_id } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [special(BOS), special(EOS)],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: "TemplateProcessing",
      single: [bos, sequence("A", 0)],
      pair: [bos, sequence("A", 0), bos, sequence("B", 1)],
      special_tokens: { [BOS]: { id: BOS, ids: [vocabulary.get(BOS)], tokens: [BOS] } },
    },
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary),
      merges,
    },
  };
}

/**
 * Writes tokenizer.json, tokenizer_config.json and special_tokens_map.json into an existing directory.
 * @param positions longest text in tokens that the model takes
 */
export async function writeTokenizer(
  directory: string,
  tokenizer: TrainedTokenizer,
  positions: number,
): Promise<void> {
  const files: Record<string, object> = {
    "tokenizer.json": tokenizerJson(tokenizer),
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: BOS,
      eos_token: EOS,
      add_bos_token: true,
      add_eos_token: false,
      clean_up_tokenization_spaces: false,
      model_input_names: ["input_ids", "attention_mask"],
      model_max_length: positions,
    },
    "special_tokens_map.json": { bos_token: BOS, eos_token: EOS },
  };
  for (const [name, value] of Object.entries(files)) {
    await writeFile(join(directory, name), `${JSON.stringify(value, null, 1)}\n`);
  }
}
