/** Generation for many prompts at once, with a key/value cache. */
import { counterRandom, prefixFor, type Tokenizer } from "@outright/data";
import { bytesPerToken, type LanguageModel } from "@outright/models";
import { Decoder, type Sequence } from "./decoder.js";
import { checkSampling, type Sampling, sampleToken } from "./sampling.js";
import { TextStream } from "./text-stream.js";

export interface GenerateIdsOptions extends Sampling {
  /** most tokens made for each prompt */
  maxTokens: number;
  /** of the draws; a prompt's draws depend on it and on the prompt's index alone; default 0 */
  seed?: number;
  /** most tokens that are computed at once; default 4096 */
  tokensPerStep?: number;
  /** what the cache may take, though it holds at least one sequence; default 1 GiB. Further prompts wait */
  cacheBytes?: number;
  /** told of each new token; true ends that sequence */
  onToken?: (prompt: number, id: number) => boolean;
  /** told after each step: sequences that are not complete, of all */
  onProgress?: (active: number, total: number) => void;
}

export interface GeneratedIds {
  /** without the EOS */
  ids: number[];
  /** `eos`: the model ended; `stop`: `onToken` or a stop string did; `length`: maxTokens, or the model's positions */
  end: "eos" | "stop" | "length";
}

interface Growing extends GeneratedIds {
  prompt: number;
  sequence: Sequence;
  /** the i-th number of its own stream, in [0, 1) */
  uniform: (i: number) => number;
}

const GIB = 2 ** 30;

/**
 * Continues each prompt until `eosId`, `maxTokens` or the model's last position. A result does not depend on which other prompts
 * are in the batch, to the bit; greedily it is that of `generateByRecomputing`.
 * @param prompts token ids with their special tokens
 * @throws Error of one line where a prompt is empty or leaves no position for a token, or a setting means nothing
 */
export function generateIds(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
  eosId: number,
  options: GenerateIdsOptions,
): GeneratedIds[] {
  checkSampling(options);
  const { maxTokens, seed = 0, tokensPerStep = 4096, cacheBytes = GIB } = options;
  const rows = prompts.map((prompt, i) => rowsOf(model, prompt, i, maxTokens));
  const results: GeneratedIds[] = prompts.map(() => ({ ids: [], end: "length" }));
  if (prompts.length === 0 || maxTokens === 0) return results;
  const all = rows.reduce((sum, count) => sum + count, 0);
  const largest = rows.reduce((most, count) => Math.max(most, count), 0);
  const decoder = new Decoder(
    model,
    Math.max(largest, Math.min(all, Math.floor(cacheBytes / bytesPerToken(model)))),
  );
  try {
    let waiting = 0;
    let done = 0;
    let growing: Growing[] = [];
    while (done < prompts.length) {
      for (; waiting < prompts.length; waiting++) {
        const sequence = decoder.open(rows[waiting] as number);
        if (sequence === null) break;
        sequence.pending = [...(prompts[waiting] as readonly number[])];
        const uniform = counterRandom(seed, `sampling ${waiting}`);
        growing.push({ prompt: waiting, sequence, uniform, ...(results[waiting] as GeneratedIds) });
      }
      const logits = decoder.step(
        growing.map(({ sequence }) => sequence),
        tokensPerStep,
      );
      growing = growing.filter((one) => {
        const own = logits.get(one.sequence);
        if (own === undefined) return true; // a part of its prompt is still to come
        const id = sampleToken(own, options, one.uniform(one.ids.length));
        if (!isOver(one, id, eosId, options)) {
          one.sequence.pending = [id];
          return true;
        }
        results[one.prompt] = { ids: one.ids, end: one.end };
        decoder.close(one.sequence);
        done++;
        return false;
      });
      options.onProgress?.(prompts.length - done, prompts.length);
    }
    return results;
  } finally {
    decoder.dispose();
  }
}

/** Takes the token, and says whether the sequence ends with it. */
function isOver(
  one: Growing,
  id: number,
  eosId: number,
  { maxTokens, onToken }: GenerateIdsOptions,
): boolean {
  if (id === eosId) one.end = "eos";
  else {
    one.ids.push(id);
    if (onToken?.(one.prompt, id) === true) one.end = "stop";
    else return one.ids.length >= maxTokens || one.sequence.room === 0;
  }
  return true;
}

/** Rows of the cache that a prompt and its continuation need: the last token made is never computed. */
function rowsOf(
  { maxPositions }: LanguageModel,
  prompt: readonly number[],
  index: number,
  maxTokens: number,
): number {
  if (prompt.length === 0) throw new Error(`prompt ${index} has no tokens: there is nothing to continue`);
  if (maxPositions !== null && prompt.length > maxPositions)
    throw new Error(
      `prompt ${index} has ${prompt.length} tokens; the model was made for ${maxPositions} (max_position_embeddings)`,
    );
  return Math.min(prompt.length + maxTokens - 1, maxPositions ?? Number.POSITIVE_INFINITY);
}

export interface GenerateOptions extends Omit<GenerateIdsOptions, "onToken"> {
  /** a text ends before the first of these */
  stop?: readonly string[];
  /** told of each prompt's new text as it becomes certain */
  onText?: (prompt: number, text: string) => void;
}

export interface Generated extends GeneratedIds {
  /** without special tokens, and without a stop string */
  text: string;
}

/** The special tokens and the ids of a prompt, as training encodes it. */
export function promptIds(text: string, tokenizer: Tokenizer): number[] {
  return [...prefixFor(text, tokenizer), ...tokenizer.encode(text, { specialTokens: false })];
}

/** Texts in, continuations out; special tokens are put in front as in training, and left out of the result. */
export function generate(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  options: GenerateOptions,
): Generated[] {
  const { stop = [], onText, ...rest } = options;
  const decode = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: true });
  const streams = prompts.map(() => new TextStream(decode, stop));
  // without either nobody looks at the text before its end
  const onToken = (prompt: number, id: number): boolean => {
    const stream = streams[prompt] as TextStream;
    const text = stream.push(id);
    if (text !== "") onText?.(prompt, text);
    return stream.isStopped;
  };
  const isWatched = stop.length > 0 || onText !== undefined;
  const made = generateIds(
    model,
    prompts.map((prompt) => promptIds(prompt, tokenizer)),
    tokenizer.eosId,
    isWatched ? { ...rest, onToken } : rest,
  );
  return made.map((one, prompt) => {
    const stream = streams[prompt] as TextStream;
    const left = stream.end();
    if (left !== "") onText?.(prompt, left);
    return { ...one, text: isWatched ? stream.text : decode(one.ids) };
  });
}
