/** The CSV files of hendrycks/test: no header; question, the four choices, the answer's letter. */
import { CsvError, parse } from "csv-parse/sync";
import { LETTERS, type Letter, type Question, type Split } from "./questions.js";

const COLUMNS = 6;

/** "dev/anatomy_dev.csv" */
export const csvName = (subject: string, split: Split): string => `${split}/${subject}_${split}.csv`;

/**
 * @param bytes UTF-8, with or without a byte order mark; lines end in LF or CRLF
 * @param place names the file in errors
 */
export function readCsv(bytes: Uint8Array, place: string): Question[] {
  const rows = parseRows(decode(bytes, place), place);
  if (rows.length === 0) throw new Error(`${place}: there are no questions in the file; fetch it again`);
  return rows.map((row, index) => toQuestion(row, `${place}: row ${index} (from 0)`));
}

function decode(bytes: Uint8Array, place: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${place}: is not UTF-8 text; fetch it again or convert it`);
  }
}

function parseRows(text: string, place: string): string[][] {
  try {
    return parse(text, {
      // both, as a first line may be quoted over several and would mislead a guess
      record_delimiter: ["\r\n", "\n"],
      relax_column_count: true,
      skip_empty_lines: true,
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Error(`${place}: is no CSV: ${error.message.replace(/\s+/g, " ")}`);
  }
}

function toQuestion(row: readonly string[], where: string): Question {
  if (row.length !== COLUMNS) {
    throw new Error(
      `${where}: has ${row.length} column${row.length === 1 ? "" : "s"}, and must have ${COLUMNS}: question, A, B, C, D, answer`,
    );
  }
  const [text, a, b, c, d, answer] = row as [string, string, string, string, string, string];
  if (!isLetter(answer)) {
    throw new Error(
      `${where}: the answer must be one of ${LETTERS.join(", ")}, it is ${JSON.stringify(answer)}`,
    );
  }
  return { text, choices: [a, b, c, d], answer };
}

const isLetter = (text: string): text is Letter => (LETTERS as readonly string[]).includes(text);
