/** All that is asked: subject after subject, with its prompts. */
import { promptOf } from "./prompt.js";
import type { MmluSource, Question } from "./questions.js";

/** A row of a subject's test file. */
export interface Asked {
  subject: string;
  /** from 0 */
  row: number;
  question: Question;
  prompt: string;
}

export interface ReadQuestionsOptions {
  /** subjects, in the order they are asked */
  subjects: readonly string[];
  shots: number;
  /** most rows of each subject; the first ones are taken, as the harness does */
  limit?: number | undefined;
  stop?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** @throws Error of one line where a file is missing or broken, or has fewer examples than `shots` */
export async function readQuestions(source: MmluSource, options: ReadQuestionsOptions): Promise<Asked[]> {
  const { subjects, shots, limit, stop, onProgress } = options;
  const asked: Asked[] = [];
  for (const [index, subject] of subjects.entries()) {
    const examples = shots === 0 ? [] : await source.read(subject, "dev", stop);
    if (examples.length < shots) {
      throw new Error(
        `${source.place}: ${subject} has ${examples.length} examples (dev), fewer than --shots ${shots}`,
      );
    }
    const test = await source.read(subject, "test", stop);
    for (const [row, question] of test.slice(0, limit).entries()) {
      asked.push({ subject, row, question, prompt: promptOf(subject, examples.slice(0, shots), question) });
    }
    onProgress?.(index + 1, subjects.length);
  }
  return asked;
}
