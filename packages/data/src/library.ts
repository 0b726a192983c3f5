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
}

export interface LibraryAddedToken {
  content: string;
  id: number;
  special: boolean;
  /** it is looked for in the normalised text */
  normalized: boolean;
  lstrip: boolean;
  rstrip: boolean;
}

export interface LibraryTokenizer {
  normalizer: { normalize(text: string): string } | null;
  pre_tokenizer: LibraryPreTokenizer | null;
  model: LibraryModel;
  added_tokens: LibraryAddedToken[];
  /** by content, and by normalised content */
  added_tokens_map: Map<string, LibraryAddedToken>;
  remove_space?: boolean | undefined;
  do_lowercase_and_remove_accent: boolean;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[]; tokens: string[] };
  decode(ids: number[], options: { clean_up_tokenization_spaces: boolean }): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_added_tokens_decoder(): Map<number, { content: string; special: boolean }>;
}

interface Library {
  Tokenizer: new (json: object, config: object) => LibraryTokenizer;
  ByteLevelPreTokenizer: new (...parts: never) => LibraryByteLevel;
  SequencePreTokenizer: new (
    ...parts: never
  ) => LibraryPreTokenizer & { tokenizers: (LibraryPreTokenizer | null)[] };
}

export const { Tokenizer, ByteLevelPreTokenizer, SequencePreTokenizer } = library as unknown as Library;
