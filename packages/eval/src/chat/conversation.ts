/** A conversation with a model, whose key/value cache stays from turn to turn. */
import { setImmediate } from "node:timers/promises";
import { type ChatMessage, counterRandom, type Tokenizer } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { Decoder, type Sequence } from "../generate/decoder.js";
import { promptIds } from "../generate/generate.js";
import { checkSampling, type Sampling, sampleToken } from "../generate/sampling.js";
import { TextStream } from "../generate/text-stream.js";
import type { Dressing } from "./dressing.js";

export interface ConversationOptions extends Sampling {
  /** most tokens of an answer */
  maxTokens: number;
  /** of the draws */
  seed: number;
  /** an answer ends before these, besides those of the dressing */
  stop: readonly string[];
  /** most tokens of the whole conversation, for which the cache has room from the beginning; never more than the model's positions */
  context: number;
}

export interface Reply {
  text: string;
  /** `stopped`: asked to, `full`: no position is left */
  end: "eos" | "stop" | "length" | "full" | "stopped";
  /** tokens of the prompt, and of those the ones that were still in the cache */
  promptTokens: number;
  cachedTokens: number;
}

const TOKENS_PER_STEP = 512;

export class Conversation {
  readonly #tokenizer: Tokenizer;
  readonly #dressing: Dressing;
  readonly #options: ConversationOptions;
  readonly #decoder: Decoder;
  readonly #sequence: Sequence;
  /** most tokens of the whole conversation */
  readonly context: number;
  #messages: ChatMessage[] = [];
  /** ids that are in the cache */
  #ids: number[] = [];
  #replies = 0;

  constructor(model: LanguageModel, tokenizer: Tokenizer, dressing: Dressing, options: ConversationOptions) {
    checkSampling(options);
    this.#tokenizer = tokenizer;
    this.#dressing = dressing;
    this.#options = options;
    this.context = Math.min(options.context, model.maxPositions ?? options.context);
    this.#decoder = new Decoder(model, this.context);
    this.#sequence = this.#decoder.open(this.context) as Sequence;
  }

  /** What was said so far. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /** Forgets everything; `system` stands before what comes. */
  reset(system?: string): void {
    this.#messages = system === undefined ? [] : [{ role: "system", content: system }];
  }

  /**
   * The model's answer to a message, told part by part as it is made. What was said stays in the conversation, a stopped answer as
   * far as it got.
   * @param stop looked at between tokens
   * @throws Error of one line where the conversation is too long for the model; it is then as before
   */
  async reply(message: string, onText: (text: string) => void, stop?: AbortSignal): Promise<Reply> {
    const messages = [...this.#messages, { role: "user", content: message } as const];
    const ids = promptIds(this.#dressing.render(messages), this.#tokenizer);
    if (ids.length >= this.context)
      throw new Error(
        `the conversation would have ${ids.length} tokens of at most ${this.context}: begin anew, or say it shorter`,
      );
    // the last token is computed again where all are there: its logits are wanted
    const cachedTokens = Math.min(sharedStart(this.#ids, ids), ids.length - 1);
    const sequence = this.#sequence;
    sequence.length = cachedTokens;
    sequence.pending = ids.slice(cachedTokens);
    const { text, end, computed } = await this.#write(onText, stop);
    this.#ids = [...ids, ...computed].slice(0, sequence.length);
    this.#messages = [...messages, { role: "assistant", content: text }];
    return { text, end, promptTokens: ids.length, cachedTokens };
  }

  async #write(
    onText: (text: string) => void,
    stop: AbortSignal | undefined,
  ): Promise<Pick<Reply, "text" | "end"> & { computed: number[] }> {
    const { maxTokens, seed } = this.#options;
    const uniform = counterRandom(seed, `reply ${this.#replies++}`);
    const decode = (ids: readonly number[]) => this.#tokenizer.decode(ids, { skipSpecialTokens: true });
    const stream = new TextStream(decode, [...this.#dressing.stops, ...this.#options.stop]);
    const made: number[] = [];
    const tell = (text: string) => {
      if (text !== "") onText(text);
    };
    let end: Reply["end"] | undefined;
    while (end === undefined) {
      await setImmediate(); // a native call blocks; Ctrl-C is heard between two
      if (stop?.aborted === true) {
        end = "stopped";
        break;
      }
      const logits = this.#decoder.step([this.#sequence], TOKENS_PER_STEP).get(this.#sequence);
      if (logits === undefined) continue; // a part of the prompt is still to come
      const id = sampleToken(logits, this.#options, uniform(made.length));
      if (id === this.#tokenizer.eosId) {
        end = "eos";
        break;
      }
      made.push(id);
      tell(stream.push(id));
      if (stream.isStopped) end = "stop";
      else if (made.length >= maxTokens) end = "length";
      else if (this.#sequence.room === 0) end = "full";
      else this.#sequence.pending = [id];
    }
    tell(stream.end());
    this.#sequence.pending = [];
    return { text: stream.text, end, computed: made };
  }

  dispose(): void {
    this.#decoder.dispose();
  }
}

/** How many ids two lists have in common from their beginning. */
function sharedStart(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i;
  return most;
}
