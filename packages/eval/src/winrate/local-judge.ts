/** A judge that is a model directory: the more likely of the two outputs' names wins. */
import { setImmediate } from "node:timers/promises";
import { hashModelChain, openModelChain, tokenizerDirectory } from "@outright/checkpoint";
import { type ChatMessage, loadTokenizer, packPairs, prefixFor, type Tokenizer } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { type Device, scope, sequenceSums, Tensor } from "@outright/tensor";
import { loadModel, openDevice, rowLogprobs } from "@outright/trainer";
import { type Judge, JudgeFailure, type JudgeReply, type JudgeSignals } from "./judge.js";
import type { Verdict } from "./verdict.js";

export interface LocalJudgeOptions {
  directory: string;
  /** what the prompt calls the two outputs; default m and M */
  labels?: readonly [first: string, second: string];
  device: string;
  dtype: "float32" | "bfloat16";
  threads: number;
}

/** Stands before the name of the better output where the model has no chat template. */
const QUESTION = "\n\nBetter output:";

export class LocalJudge implements Judge {
  readonly name: string;
  readonly identity: string;
  /** The engine uses all cores for one question. */
  readonly concurrency = 1;
  readonly retries = 0;
  readonly #labels: readonly [string, string];
  readonly #options: LocalJudgeOptions;
  readonly #tokenizer: Tokenizer;
  #device: Device | null = null;
  #model: LanguageModel | null = null;

  private constructor(options: LocalJudgeOptions, tokenizer: Tokenizer) {
    this.#options = options;
    this.#tokenizer = tokenizer;
    this.#labels = options.labels ?? ["m", "M"];
    this.name = options.directory;
    this.identity = JSON.stringify({
      weights: hashModelChain(openModelChain(options.directory)),
      tokenizer: tokenizer.hash,
      dtype: options.dtype,
      labels: this.#labels,
    });
    const [first, second] = this.#labels.map((label) => this.#labelIds(label).join(" "));
    if (first === second || first === "" || second === "")
      throw new Error(`${options.directory}: its tokenizer does not tell "${this.#labels.join('" from "')}"`);
  }

  /** Reads the tokenizer; the weights are loaded for the first question. */
  static async open(options: LocalJudgeOptions): Promise<LocalJudge> {
    return new LocalJudge(options, await loadTokenizer(tokenizerDirectory(options.directory)));
  }

  /** Tokens of a question, without the name that answers it. */
  countTokens(messages: readonly ChatMessage[]): number {
    return this.#promptIds(messages).length;
  }

  async ask(_key: string, messages: readonly ChatMessage[], signals: JudgeSignals): Promise<JudgeReply> {
    await setImmediate(); // a native call blocks; Ctrl-C is heard between two
    if (signals.stop.aborted) throw new JudgeFailure("stopped", "stopped");
    const model = this.#loaded();
    const promptIds = this.#promptIds(messages);
    const [chosenIds, rejectedIds] = this.#labels.map((label) => this.#labelIds(label)) as [
      Int32Array,
      Int32Array,
    ];
    const tokens = promptIds.length + Math.max(chosenIds.length, rejectedIds.length) - 1;
    if (model.maxPositions !== null && tokens > model.maxPositions) {
      throw new JudgeFailure(
        "refused",
        `a prompt of ${tokens} tokens; ${this.name} takes ${model.maxPositions}`,
      );
    }
    const row = packPairs([{ row: 0, promptIds, chosenIds, rejectedIds }], 0, { sharedPrompt: true })[0];
    if (row === undefined) throw new Error("a pair makes a row");
    if (row.ids.some((id) => id >= model.vocabSize)) {
      throw new JudgeFailure("fatal", `${this.name}: its tokenizer has ids beyond the model's vocabulary`);
    }
    const [first, second] = scope(() => [
      ...sequenceSums(rowLogprobs(model, row), Tensor.from(model.device, row.sequenceOffsets)),
    ]) as [number, number];
    const verdict: Verdict = first === second ? "tie" : first > second ? "first" : "second";
    const text = `log-probs: ${this.#labels[0]} ${first.toFixed(4)}, ${this.#labels[1]} ${second.toFixed(4)}`;
    return { verdict, text, promptTokens: promptIds.length };
  }

  close(): void {
    this.#model?.dispose();
    this.#device?.close();
    this.#model = null;
    this.#device = null;
  }

  #loaded(): LanguageModel {
    if (this.#model !== null) return this.#model;
    this.#device ??= openDevice(this.#options);
    const { dtype, directory } = this.#options;
    this.#model = loadModel(this.#device, directory, "pretrained", 0, { dtype, trainable: false }).model;
    return this.#model;
  }

  #promptIds(messages: readonly ChatMessage[]): Int32Array {
    const tokenizer = this.#tokenizer;
    const text = tokenizer.hasChatTemplate
      ? tokenizer.chat(messages, { addGenerationPrompt: true })
      : messages.map(({ content }) => content).join("\n\n") + QUESTION;
    const ids = tokenizer.encode(text, { specialTokens: false });
    return Int32Array.from([...prefixFor(text, tokenizer), ...ids]);
  }

  #labelIds(label: string): Int32Array {
    const text = this.#tokenizer.hasChatTemplate ? label : ` ${label}`;
    return Int32Array.from(this.#tokenizer.encode(text, { specialTokens: false }));
  }
}
