/** How the rows of a data file are laid out. */
export type DataFormat = "alpaca" | "prompt-response" | "messages" | "pairs" | "hh" | "text";

/** How the fields of a row become a prompt text and a response text (see `renderRow`). */
export type TemplateName = "plain" | "clean" | "alpaca" | "paper" | "chat";

/**
 * Where the prompt ends in ids. `separate`: prompt and response are tokenised apart, which is what generation sees.
 * `joint`: one text is tokenised and split by character offsets; a token across the seam belongs to the response.
 */
export type Boundary = "separate" | "joint";

/** What happens to an example longer than `maxLength` tokens. Whatever is cut or dropped is counted. */
export type Truncate = "error" | "drop" | "prompt-left" | "response-right";

/** What happens to a pair whose chosen and rejected answers are the same. */
export type IdenticalPairs = "drop" | "keep" | "error";

/** What an example teaches: an answer (`sft`) or which of two answers is better (`dpo`). */
export type ExampleKind = "sft" | "dpo";

/** One turn of a conversation. */
export interface ChatMessage {
  role: string;
  content: string;
}

/** One SFT example in ids. */
export interface SftExample {
  /** 0-based row of the file. */
  readonly row: number;
  /** Carries no loss. Empty only where the tokenizer adds nothing in front of a `text` row. */
  readonly promptIds: Int32Array;
  /** Carries loss; its last id is the EOS unless the response was cut. */
  readonly responseIds: Int32Array;
  /** False where `truncate: response-right` cut the response. */
  readonly responseEnds: boolean;
}

/** One preference pair in ids; both answers follow the same prompt. */
export interface PairExample {
  /** 0-based row of the file. */
  readonly row: number;
  readonly promptIds: Int32Array;
  /** With its EOS, unless cut. */
  readonly chosenIds: Int32Array;
  /** With its EOS, unless cut. */
  readonly rejectedIds: Int32Array;
}

/** What became of the rows of a file; nothing is dropped or cut without being counted here. */
export interface DatasetReport {
  /** Rows read. */
  rows: number;
  /** Rows kept as examples. */
  kept: number;
  /** Rows dropped, by reason. */
  dropped: Record<string, number>;
  /** Rows kept but shortened, by what was cut. */
  cut: Record<string, number>;
  /** The first few row numbers of every reason in `dropped` and `cut`. */
  firstRows: Record<string, number[]>;
}

/** A data file as examples. */
export interface Dataset<Example> {
  readonly examples: readonly Example[];
  /** sha256 of the file's bytes, hex. */
  readonly hash: string;
  readonly report: DatasetReport;
  /** The largest token id in any example; must be below the model's vocabulary size. */
  readonly largestId: number;
}

/** Told now and then how far reading is: bytes of the file (compressed bytes for .gz) and rows. */
export type ReadProgress = (progress: { bytes: number; totalBytes: number; rows: number }) => void;

export interface DatasetOptions {
  kind: ExampleKind;
  path: string;
  format: DataFormat;
  /** Default: `defaultTemplate(format)`. */
  template?: TemplateName;
  /** Default `separate`. */
  boundary?: Boundary;
  tokenizer: Tokenizer;
  /** Longest allowed example in tokens: prompt + response + EOS (a pair: prompt + its longer answer). */
  maxLength: number;
  /** Default `error`. */
  truncate?: Truncate;
  /** Default `drop`. */
  identicalPairs?: IdenticalPairs;
  onProgress?: ReadProgress;
}

/** Text to ids and back, as the model's own tokenizer does it. */
export interface Tokenizer {
  /** Largest id + 1, added tokens included. */
  readonly vocabSize: number;
  readonly eosId: number;
  readonly bosId: number | null;
  /** sha256 of the files used, hex. */
  readonly hash: string;
  /** The special tokens that the tokenizer adds in front of a text (usually BOS, or nothing). */
  readonly prefixIds: readonly number[];
  /** True where the directory holds a chat template. */
  readonly hasChatTemplate: boolean;
  /**
   * Ids of a text. `specialTokens: true` adds `prefixIds` in front; nothing is ever added at the end, so a
   * post-processor's trailing EOS never shows. Special tokens written out in the text are recognised as such.
   */
  encode(text: string, options: { specialTokens: boolean }): number[];
  /** The text of ids; `decode([])` is "". */
  decode(ids: ArrayLike<number>, options?: { skipSpecialTokens?: boolean }): string;
  /** The token string of an id as the vocabulary spells it, or undefined. */
  token(id: number): string | undefined;
  /**
   * Renders messages by the directory's own chat template.
   *
   * @throws Error where there is no template, or the template refuses the messages.
   */
  chat(messages: readonly ChatMessage[], options?: { addGenerationPrompt?: boolean }): string;
  /**
   * Ids of `prompt + response` as one text (no special tokens added) and how many of them lie wholly in the prompt: a token
   * across the seam belongs to the response.
   *
   * @throws Error where the tokenizer changes the text (lowercases, strips, ...), so that the seam cannot be found exactly
   */
  encodeJoint(prompt: string, response: string): { ids: number[]; promptTokens: number };
}

/**
 * A micro-batch: several examples laid end to end, without padding. T tokens, N loss tokens, S sequences.
 *
 * Token t attends to j with `start[t] ≤ j ≤ t`, except `skipFrom[t] ≤ j < skipTo[t]`. Where nothing is skipped both are 0.
 */
export interface FlatRow {
  /** T. */
  tokens: number;
  /** [T] */
  ids: Int32Array;
  /** [T] position within the own sequence, from 0. */
  positions: Int32Array;
  /** [T] first token of the own document. */
  start: Int32Array;
  /** [T] */
  skipFrom: Int32Array;
  /** [T] */
  skipTo: Int32Array;
  /** [N] the row whose hidden state predicts `targets[n]`: the token before it. */
  lossRows: Int32Array;
  /** [N] */
  targets: Int32Array;
  /** [S+1] loss tokens sequenceOffsets[s] … sequenceOffsets[s+1]-1 belong to sequence s. */
  sequenceOffsets: Int32Array;
  /** Dataset row of each sequence [S] (SFT), or of each pair [S/2] (pairs: sequence 2p chosen, 2p+1 rejected). */
  rows: Int32Array;
}

/** Where an endless stream stands: the first `position` indices of pass `pass` have been taken or passed over. Plain JSON. */
export interface StreamState {
  pass: number;
  position: number;
}
