/** Asks a model the held-out questions, and keeps what it says as lines that people can read. */
import { existsSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { writeFileAtomic } from "@outright/checkpoint";
import { gradeAnswer } from "./grade.js";
import type { Question } from "./world.js";

export interface AskJob {
  /** model directory */
  model: string;
  prompts: string[];
  maxTokens: number;
  /** Int32[1]; anything but 0 asks to leave */
  stopFlag: SharedArrayBuffer;
}

export type AskMessage =
  | { type: "progress"; done: number; total: number }
  | { type: "answers"; answers: string[] }
  | { type: "stopped" }
  | { type: "error"; message: string };

export interface Asking {
  /** one answer for each prompt in order; "stopped" after `stop()` */
  readonly result: Promise<string[] | "stopped">;
  /** leaves after the token that is being made */
  stop(): void;
}

/**
 * Greedy answers of a model to prompts in the `clean` template, all in one batch, from a worker thread.
 * @param onProgress told how many answers are complete, out of all
 */
export function startAsking(
  job: Omit<AskJob, "stopFlag">,
  onProgress: (done: number, total: number) => void,
): Asking {
  const stopFlag = new SharedArrayBuffer(4);
  const worker = new Worker(new URL("./ask-worker.js", import.meta.url), {
    workerData: { ...job, stopFlag } satisfies AskJob,
  });
  const result = new Promise<string[] | "stopped">((resolve, reject) => {
    worker.on("message", (message: AskMessage) => {
      if (message.type === "progress") onProgress(message.done, message.total);
      else if (message.type === "answers") resolve(message.answers);
      else if (message.type === "stopped") resolve("stopped");
      else reject(new Error(message.message));
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`generating ended with code ${code} before its answers`)));
  });
  const stop = (): void => {
    Atomics.store(new Int32Array(stopFlag), 0, 1);
  };
  return { result, stop };
}

/** Answers that were kept before; undefined where there are none, or they are to other questions. */
export function readAnswers(path: string, questions: readonly Question[]): string[] | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const rows = readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { prompt: string; said: string });
    const isSame =
      rows.length === questions.length && rows.every((row, i) => row.prompt === questions[i]?.prompt);
    return isSame ? rows.map(({ said }) => said) : undefined;
  } catch {
    return undefined; // they are made again
  }
}

/** One line a question: prompt, kind, the word wanted, what was said, and its grade. */
export function writeAnswers(path: string, questions: readonly Question[], answers: readonly string[]): void {
  const lines = questions.map((question, i) => {
    const said = answers[i] as string;
    return `${JSON.stringify({ ...question, said, grade: gradeAnswer(question, said) })}\n`;
  });
  writeFileAtomic(path, lines.join(""));
}
