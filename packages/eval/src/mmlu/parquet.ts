/** Questions in the columns of cais/mmlu: question, choices (a list of four), answer (0 to 3). */
import { parquetReadObjects } from "hyparquet";
import { LETTERS, type Question } from "./questions.js";

/** @param place names the file in errors */
export async function readParquet(file: ArrayBuffer, place: string): Promise<Question[]> {
  let rows: Record<string, unknown>[];
  try {
    rows = await parquetReadObjects({ file, columns: ["question", "choices", "answer"] });
  } catch (error) {
    throw new Error(
      `${place}: is no Parquet file of questions, or it is damaged (${(error as Error).message.replace(/\s+/g, " ")})`,
    );
  }
  if (rows.length === 0) throw new Error(`${place}: there are no questions in the file`);
  return rows.map((row, index) => toQuestion(row, `${place}: row ${index} (from 0)`));
}

function toQuestion({ question, choices, answer }: Record<string, unknown>, where: string): Question {
  if (typeof question !== "string") throw new Error(`${where}: has no text in "question"`);
  if (
    !Array.isArray(choices) ||
    choices.length !== 4 ||
    choices.some((choice) => typeof choice !== "string")
  ) {
    throw new Error(`${where}: "choices" must be four texts`);
  }
  const letter = LETTERS[Number(answer)];
  if (letter === undefined)
    throw new Error(`${where}: "answer" must be a number from 0 to 3, it is ${String(answer)}`);
  return { text: question, choices: choices as unknown as Question["choices"], answer: letter };
}
