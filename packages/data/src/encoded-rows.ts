/**
 * Encoded rows as two flat arrays, which threads hand over and files hold: the ids of all rows end to end, and five numbers
 * a row that say how they part.
 */
import type { EncodedRow, EncodedTexts, RowDrop } from "./encode.js";

/** Numbers of a row in `numbers`: its line of the file (0: none), its state, tokens of prompt, first and second answer. */
export const NUMBERS = 5;
const LINE = 0;
const STATE = 1;
const PROMPT = 2;
const FIRST = 3;
/** -1 where there is no second answer. */
const SECOND = 4;

/** What `state` may be: an example whose answers are "no", "texts" or "ids" identical, or a reason why there is none. */
const STATES = ["no", "texts", "ids", "prompts differ", "empty response"] as const;
const EXAMPLE_STATES = 3;

export interface EncodedRows {
  /** [NUMBERS · rows] */
  numbers: Int32Array<ArrayBuffer>;
  ids: Int32Array<ArrayBuffer>;
}

/** @param lines of each row; 0 where the file is not read by lines */
export function flatten(rows: readonly EncodedRow[], lines: ArrayLike<number>): EncodedRows {
  const numbers = new Int32Array(NUMBERS * rows.length);
  let total = 0;
  rows.forEach((row, i) => {
    const at = NUMBERS * i;
    numbers[at + LINE] = lines[i] as number;
    numbers[at + STATE] = STATES.indexOf(row.drop ?? row.identical);
    numbers[at + SECOND] = -1;
    if (row.drop !== null) return;
    numbers[at + PROMPT] = row.prompt.length;
    row.answers.forEach((answer, a) => {
      numbers[at + FIRST + a] = answer.length;
    });
    total += tokensOf(numbers, i);
  });
  const ids = new Int32Array(total);
  let at = 0;
  for (const row of rows) {
    if (row.drop !== null) continue;
    for (const part of [row.prompt, ...row.answers]) {
      ids.set(part, at);
      at += part.length;
    }
  }
  return { numbers, ids };
}

/** Tokens of row `i` in all. */
export function tokensOf(numbers: Int32Array, i: number): number {
  const at = NUMBERS * i;
  const second = numbers[at + SECOND] as number;
  return (numbers[at + PROMPT] as number) + (numbers[at + FIRST] as number) + Math.max(0, second);
}

/** Prompt and longer answer of row `i`, as `maxLength` measures them. */
export function lengthOf(numbers: Int32Array, i: number): number {
  const at = NUMBERS * i;
  return (
    (numbers[at + PROMPT] as number) + Math.max(numbers[at + FIRST] as number, numbers[at + SECOND] as number)
  );
}

export function lineOf(numbers: Int32Array, i: number): number | undefined {
  return numbers[NUMBERS * i + LINE] || undefined;
}

/** Whether row `i` is an example whose answers differ, so that only its length can make it something else. */
export function isPlain(numbers: Int32Array, i: number): boolean {
  return numbers[NUMBERS * i + STATE] === 0;
}

/** @param ids those of row `i` alone; the row's parts are views of it */
export function encodedRow(numbers: Int32Array, i: number, ids: Int32Array): EncodedRow {
  const at = NUMBERS * i;
  const state = numbers[at + STATE] as number;
  if (state >= EXAMPLE_STATES) return { drop: STATES[state] as RowDrop };
  const prompt = numbers[at + PROMPT] as number;
  const first = prompt + (numbers[at + FIRST] as number);
  const answers = [ids.subarray(prompt, first)];
  if ((numbers[at + SECOND] as number) >= 0) answers.push(ids.subarray(first));
  return {
    drop: null,
    prompt: ids.subarray(0, prompt),
    answers,
    identical: STATES[state] as EncodedTexts["identical"],
  };
}
