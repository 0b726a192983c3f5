import * as library from "@huggingface/tokenizers";

// The library's own declarations import one another without file extensions, which this project's module resolution does not
// follow; so what is used of it is declared here.

export interface LibraryOptions {
  section_index?: number;
}

export interface LibraryPreTokenizer {
  pre_tokenize(text: string | string[], options?: LibraryOptions): string[];
}

export interface LibraryByteLevel extends LibraryPreTokenizer {
  use_regex: boolean;
  add_prefix_space: boolean;
  pattern: RegExp;
}

export interface LibraryModel {
  /** The tokens of a section's words. */
  (words: string[]): string[];
  tokens_to_ids: Map<string, number>;
  vocab: string[];
  unk_token_id?: number | undefined;
  unk_token?: string | undefined;
  end_of_word_suffix?: string | undefined;
}

export interface LibraryBpe extends LibraryModel {
  merges: [string, string][];
  ignore_merges: boolean;
  continuing_subword_suffix: string | null;
}

export interface LibraryTokenizer {
  pre_tokenizer: LibraryPreTokenizer | null;
  model: LibraryModel;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[]; tokens: string[] };
  decode(ids: number[], options: { clean_up_tokenization_spaces: boolean }): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_added_tokens_decoder(): Map<number, { content: string; special: boolean }>;
}

interface Library {
  Tokenizer: new (json: object, config: object) => LibraryTokenizer;
  BPE: new (...parts: never) => LibraryBpe;
  ByteLevelPreTokenizer: new (...parts: never) => LibraryByteLevel;
  SequencePreTokenizer: new (
    ...parts: never
  ) => LibraryPreTokenizer & { tokenizers: (LibraryPreTokenizer | null)[] };
}

export const { Tokenizer, BPE, ByteLevelPreTokenizer, SequencePreTokenizer } = library as unknown as Library;
