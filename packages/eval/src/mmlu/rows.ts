/** The rows of an evaluation: those known before, and those that are computed now. */
import { setImmediate } from "node:timers/promises";
import type { Tokenizer } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { microBatchTokens } from "@outright/trainer";
import { Records } from "../winrate/records.js";
import { encodeAnswers } from "./encode.js";
import type { EvaluateMmluOptions } from "./evaluate.js";
import { CONTINUATIONS } from "./prompt.js";
import { LETTERS, type Letter } from "./questions.js";
import type { Asked } from "./read-questions.js";
import { type MmluRecord, place, readMmluRecords, rowKey } from "./records.js";
import { type Encoded, largest, logLikelihoods } from "./score.js";

/** So many questions are encoded at a time: a few flat rows, so that a stop is heard soon. */
const AT_A_TIME = 64;

export class Rows {
  readonly kept: number;
  readonly #options: EvaluateMmluOptions;
  readonly #asked: readonly Asked[];
  readonly #run: string;
  readonly #keys: readonly string[];
  readonly #known = new Map<string, MmluRecord>();
  readonly #file: Records<MmluRecord> | null = null;
  #correct = 0;

  constructor(options: EvaluateMmluOptions, asked: readonly Asked[], run: string) {
    this.#options = options;
    this.#asked = asked;
    this.#run = run;
    this.#keys = asked.map((row) => rowKey(run, row));
    if (options.out !== undefined) {
      const keys = new Map(
        asked.map(({ subject, row }, i) => [place(subject, row), this.#keys[i] as string]),
      );
      const kept = readMmluRecords(options.out, run, keys);
      this.#file = new Records(options.out, kept);
      for (const record of kept.byKey.values()) this.#know(record);
    }
    this.#correct = this.#records().filter((record) => record?.correct).length;
    this.kept = this.#records().filter((record) => record !== undefined).length;
  }

  /** Computes what is not known. @throws AbortError where it is stopped */
  async score(model: LanguageModel, tokenizer: Tokenizer, positions: number): Promise<void> {
    const open = [...this.#asked.keys()].filter((i) => this.#recordOf(i) === undefined);
    let done = this.kept;
    this.#tell(done);
    for (let from = 0; from < open.length; from += AT_A_TIME) {
      const some = open.slice(from, from + AT_A_TIME);
      const encoded = some.map((i) => this.#encode(i, tokenizer, model, positions));
      const budget = microBatchTokens(this.#options.tokensPerMicroBatch ?? "auto", model.device);
      for (const complete of logLikelihoods(model, encoded, budget)) {
        for (const { question, logLikelihoods } of complete) {
          this.#add(some[question] as number, encoded[question] as Encoded, logLikelihoods);
        }
        done += complete.length;
        this.#tell(done);
        await setImmediate(); // a native call blocks; Ctrl-C is heard between two
        if (done < this.#asked.length) this.#options.stop?.throwIfAborted();
      }
    }
  }

  /** Subject → its rows in order. */
  isCorrect(): Map<string, boolean[]> {
    const bySubject = new Map<string, boolean[]>();
    for (const { subject, correct } of this.#all()) {
      const rows = bySubject.get(subject) ?? [];
      bySubject.set(subject, rows);
      rows.push(correct);
    }
    return bySubject;
  }

  cut(): number {
    return this.#all().filter(({ cut }) => cut !== undefined).length;
  }

  close(): void {
    this.#file?.close();
  }

  #encode(i: number, tokenizer: Tokenizer, model: LanguageModel, positions: number): Encoded {
    const { subject, row, prompt } = this.#asked[i] as Asked;
    try {
      const answers = encodeAnswers(tokenizer, prompt, CONTINUATIONS, positions);
      for (const { prompt, answer } of answers) {
        const id = Math.max(...prompt, ...answer);
        if (id >= model.vocabSize)
          throw new Error(`token id ${id} is not in the model's vocabulary of ${model.vocabSize}`);
      }
      return answers;
    } catch (error) {
      throw new Error(`${this.#options.model}: ${subject}, row ${row} (from 0): ${(error as Error).message}`);
    }
  }

  #add(i: number, answers: Encoded, values: number[]): void {
    const { subject, row, question } = this.#asked[i] as Asked;
    if (values.some((value) => !Number.isFinite(value))) {
      throw new Error(
        `${this.#options.model}: ${subject}, row ${row} (from 0): a log-likelihood is ${values.find((value) => !Number.isFinite(value))}; the weights are broken, or need --dtype float32`,
      );
    }
    const chosen = LETTERS[largest(values)] as Letter;
    const cut = Math.max(...answers.map((answer) => answer.cut));
    const correct = chosen === question.answer;
    const record: MmluRecord = {
      key: this.#keys[i] as string,
      run: this.#run,
      ...{ subject, row, answer: question.answer, chosen, correct },
      logLikelihoods: values as MmluRecord["logLikelihoods"],
      tokens: Math.max(...answers.map(({ prompt, answer, cut }) => prompt.length + cut + answer.length)),
      ...(cut === 0 ? {} : { cut }),
    };
    this.#file?.append(record);
    this.#know(record);
    if (correct) this.#correct++;
  }

  #know(record: MmluRecord): void {
    this.#known.set(place(record.subject, record.row), record);
  }

  #recordOf(i: number): MmluRecord | undefined {
    const { subject, row } = this.#asked[i] as Asked;
    return this.#known.get(place(subject, row));
  }

  #records(): (MmluRecord | undefined)[] {
    return [...this.#asked.keys()].map((i) => this.#recordOf(i));
  }

  #all(): MmluRecord[] {
    return this.#records().filter((record) => record !== undefined);
  }

  #tell(done: number): void {
    const total = this.#asked.length;
    this.#options.onProgress?.({ stage: "scoring", done, total, kept: this.kept, correct: this.#correct });
  }
}
