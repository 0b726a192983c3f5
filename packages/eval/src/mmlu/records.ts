/** The file of scored rows: what an earlier run of the same evaluation has computed is not computed again. */
import { createHash } from "node:crypto";
import { type KeptRecords, readRecords } from "../winrate/records.js";
import { CONTINUATIONS, TEMPLATE } from "./prompt.js";
import { LETTERS, type Letter } from "./questions.js";
import type { Asked } from "./read-questions.js";

/** A line of the file. */
export interface MmluRecord {
  /** sha256 of `run`, place and prompt, shortened: the same question, asked in the same way */
  key: string;
  /** sha256 of the model and all settings that log-likelihoods depend on, shortened */
  run: string;
  subject: string;
  /** from 0 */
  row: number;
  answer: Letter;
  chosen: Letter;
  correct: boolean;
  /** of " A", " B", " C" and " D" */
  logLikelihoods: [number, number, number, number];
  /** tokens of prompt and longest answer, before anything was cut */
  tokens: number;
  /** most tokens that were cut off on the left; absent where none were */
  cut?: number;
}

/** What log-likelihoods depend on, beside the prompt. */
export interface RunSettings {
  /** hash of the weights, and of each adapter on them */
  weights: readonly string[];
  tokenizer: string;
  dtype: string;
  shots: number;
  maxLength: number;
}

const hash = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);

export const runKey = (settings: RunSettings): string =>
  hash({ version: 1, template: TEMPLATE, ...settings });

/** With the row's place, as some questions stand in a file twice. */
export const rowKey = (
  run: string,
  { subject, row, prompt }: Pick<Asked, "subject" | "row" | "prompt">,
): string => hash({ run, subject, row, prompt, continuations: CONTINUATIONS });

/**
 * Reads without changing anything.
 * @param keys of the rows that are evaluated now, by `place(subject, row)`
 * @throws Error of one line where rows of another run stand in the file, or of other questions
 */
export function readMmluRecords(
  path: string,
  run: string,
  keys: ReadonlyMap<string, string>,
): KeptRecords<MmluRecord> {
  const kept = readRecords<MmluRecord>(path, isRecord);
  const advice = "give another --out, or remove the file to start over";
  if (kept.damaged > 0) {
    throw new Error(`${path}: holds lines that are no rows of an evaluation (${kept.damaged}); ${advice}`);
  }
  for (const record of kept.byKey.values()) {
    if (record.run !== run) {
      throw new Error(
        `${path}: holds rows of another evaluation (model, tokenizer, shots, template or dtype differ); ${advice}`,
      );
    }
    const key = keys.get(place(record.subject, record.row));
    if (key !== undefined && key !== record.key) {
      throw new Error(`${path}: row ${record.row} of ${record.subject} is of other data; ${advice}`);
    }
  }
  return kept;
}

export const place = (subject: string, row: number): string => `${subject} ${row}`;

function isRecord(value: Record<string, unknown>): boolean {
  const { run, subject, row, answer, chosen, correct, logLikelihoods } = value;
  return (
    typeof run === "string" &&
    typeof subject === "string" &&
    Number.isInteger(row) &&
    LETTERS.includes(answer as Letter) &&
    LETTERS.includes(chosen as Letter) &&
    correct === (answer === chosen) &&
    Array.isArray(logLikelihoods) &&
    logLikelihoods.length === LETTERS.length &&
    logLikelihoods.every((value) => typeof value === "number")
  );
}
