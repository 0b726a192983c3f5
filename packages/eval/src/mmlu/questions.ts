/** Questions of MMLU, wherever they come from. */

export const LETTERS = ["A", "B", "C", "D"] as const;
export type Letter = (typeof LETTERS)[number];

export interface Question {
  /** as it stands in the data */
  text: string;
  /** of A, B, C and D */
  choices: readonly [string, string, string, string];
  answer: Letter;
}

/** `dev`: the examples shown before a question, in order; `test`: what is asked. */
export type Split = "dev" | "test";

export interface MmluSource {
  /** where the questions are, for people: a path or an address */
  readonly place: string;
  /** the subjects that there are, in the order of `ALL_SUBJECTS` */
  readonly subjects: readonly string[];
  /**
   * @param stop ends it with AbortError
   * @throws Error of one line: what is wrong, where, and what to do
   */
  read(subject: string, split: Split, stop?: AbortSignal): Promise<Question[]>;
}
