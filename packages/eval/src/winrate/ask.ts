/** Asks a judge what is not known yet, several questions at once, and keeps every verdict at once. */
import { type Judge, JudgeFailure } from "./judge.js";
import type { Question, VerdictRecord } from "./questions.js";
import type { Records } from "./records.js";

/** So many questions in a row without any answer: the judge is gone, and the rest would only cost time. */
const GIVE_UP_AFTER = 10;

export interface AskProgress {
  /** questions that got a verdict, of all that are asked now */
  done: number;
  failed: number;
  total: number;
  retries: number;
}

export interface AskOptions {
  judge: Judge;
  questions: readonly Question[];
  verdicts: Records<VerdictRecord>;
  /** ends the asking after the questions that are under way */
  stop: AbortSignal;
  onProgress?: (progress: AskProgress) => void;
}

export interface AskResult {
  /** it was stopped before all questions were asked */
  isStopped: boolean;
  /** questions that got a verdict now */
  answered: number;
  /** requests that had to be sent again */
  retries: number;
  failures: { question: Question; kind: "unparsed" | "failed" | "refused"; message: string }[];
}

/** @throws Error of one line where no question will be answered; verdicts that came before it are kept */
export async function askAll({
  judge,
  questions,
  verdicts,
  stop,
  onProgress,
}: AskOptions): Promise<AskResult> {
  const open = questions.filter(({ key }) => verdicts.get(key) === undefined);
  const isFirst = open.length === questions.length;
  const result: AskResult = { isStopped: false, answered: 0, retries: 0, failures: [] };
  const ended = new AbortController();
  const signals = { stop: AbortSignal.any([stop, ended.signal]), abort: ended.signal };
  let next = 0;
  let withoutAnswer = 0;

  const end = (message: string): never => {
    const kept =
      result.answered === 0 ? "" : `; ${result.answered} new verdicts are kept, the same command goes on`;
    throw new Error(`${message}${kept}`);
  };
  const failed = (question: Question, { kind, message }: JudgeFailure): void => {
    if (kind === "stopped") result.isStopped = true;
    else if (kind === "fatal") end(message);
    else {
      result.failures.push({ question, kind, message });
      withoutAnswer = kind === "failed" ? withoutAnswer + 1 : 0;
      if (withoutAnswer >= GIVE_UP_AFTER)
        end(`${message}; ${GIVE_UP_AFTER} questions in a row got no answer`);
      if (isFirst && result.answered === 0 && result.failures.length >= GIVE_UP_AFTER)
        end(`none of the first ${GIVE_UP_AFTER} questions got a verdict: ${message}`);
    }
  };
  const worker = async (): Promise<void> => {
    while (next < open.length && !signals.stop.aborted) {
      const question = open[next++] as Question;
      try {
        const reply = await judge.ask(question.key, question.messages, signals);
        verdicts.append({ key: question.key, order: question.order, ...reply });
        result.answered++;
        withoutAnswer = 0;
      } catch (error) {
        if (!(error instanceof JudgeFailure)) throw error;
        failed(question, error);
      }
      onProgress?.({
        done: result.answered,
        failed: result.failures.length,
        total: open.length,
        retries: judge.retries,
      });
    }
  };
  // The first that throws ends all others, and what they have under way.
  const workers = Array.from({ length: Math.min(judge.concurrency, open.length) }, () =>
    worker().catch((error: unknown) => {
      ended.abort();
      throw error;
    }),
  );
  const settled = await Promise.allSettled(workers);
  const broken = settled.find((outcome) => outcome.status === "rejected");
  if (broken !== undefined) throw broken.reason;
  result.retries = judge.retries;
  result.isStopped ||= next < open.length;
  return result;
}
