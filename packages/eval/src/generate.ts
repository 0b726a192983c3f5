/** Greedy generation for many prompts at once, as flat rows without padding. */
import type { FlatRow, Tokenizer } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { linear, scope, Tensor } from "@outright/tensor";
import { uploadInput } from "@outright/trainer";

export interface GenerateOptions {
  /** most tokens made for each prompt */
  maxTokens: number;
  /** most tokens of one flat row; default 4096 */
  tokensPerRow?: number;
  /** told after each new token: sequences still growing, of all */
  onProgress?: (active: number, total: number) => void;
}

interface Growing {
  ids: number[];
  made: number[];
}

/**
 * The most likely continuation of each prompt, token by token until `eosId` or `maxTokens`; ties go to the lower id.
 * The whole row is recomputed for every token, which is slow for long texts but needs no cache. A result does not
 * depend on which other prompts are in the batch.
 * @param prompts token ids with their special tokens; none may be empty
 * @returns the ids made, without the EOS
 */
export function generateIds(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
  eosId: number,
  options: GenerateOptions,
): number[][] {
  const all = prompts.map((prompt, i): Growing => {
    if (prompt.length === 0) throw new Error(`prompt ${i} has no tokens: there is nothing to continue`);
    return { ids: [...prompt], made: [] };
  });
  let active = [...all];
  for (let n = 0; n < options.maxTokens && active.length > 0; n++) {
    const finished = new Set<Growing>();
    for (const group of byTokens(active, options.tokensPerRow ?? 4096)) {
      nextTokens(
        model,
        group.map(({ ids }) => ids),
      ).forEach((id, i) => {
        const sequence = group[i] as Growing;
        if (id === eosId) finished.add(sequence);
        else {
          sequence.ids.push(id);
          sequence.made.push(id);
        }
      });
    }
    active = active.filter((sequence) => !finished.has(sequence));
    options.onProgress?.(active.length, all.length);
  }
  return all.map(({ made }) => made);
}

/** Texts in, continuations out; special tokens are added in front and left out of the result. */
export function generate(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  options: GenerateOptions,
): string[] {
  const ids = prompts.map((prompt) => tokenizer.encode(prompt, { specialTokens: true }));
  return generateIds(model, ids, tokenizer.eosId, options).map((made) =>
    tokenizer.decode(made, { skipSpecialTokens: true }),
  );
}

/** Consecutive sequences that fit into one row. */
function* byTokens(sequences: readonly Growing[], budget: number): Generator<Growing[]> {
  let group: Growing[] = [];
  let tokens = 0;
  for (const sequence of sequences) {
    if (group.length > 0 && tokens + sequence.ids.length > budget) {
      yield group;
      group = [];
      tokens = 0;
    }
    group.push(sequence);
    tokens += sequence.ids.length;
  }
  if (group.length > 0) yield group;
}

/** The most likely next token of each sequence. */
function nextTokens(model: LanguageModel, sequences: readonly number[][]): number[] {
  const row = contextRow(sequences);
  return scope(() => {
    const ends = Tensor.from(model.device, row.lossRows);
    const last = model.hiddenStates(uploadInput(model.device, row), ends);
    const logits = linear(last, model.head).toFloat32();
    const V = model.vocabSize;
    return sequences.map((_, s) => largest(logits.subarray(s * V, (s + 1) * V)));
  });
}

/** Sequences end to end; `lossRows` are their last tokens. */
function contextRow(sequences: readonly number[][]): FlatRow {
  const tokens = sequences.reduce((sum, ids) => sum + ids.length, 0);
  const positions = new Int32Array(tokens);
  const start = new Int32Array(tokens);
  const lossRows = new Int32Array(sequences.length);
  let t = 0;
  sequences.forEach((ids, s) => {
    const first = t;
    for (let position = 0; position < ids.length; position++, t++) {
      positions[t] = position;
      start[t] = first;
    }
    lossRows[s] = t - 1;
  });
  return {
    tokens,
    ids: Int32Array.from(sequences.flat()),
    positions,
    start,
    skipFrom: new Int32Array(tokens),
    skipTo: new Int32Array(tokens),
    lossRows,
    targets: new Int32Array(0),
    sequenceOffsets: new Int32Array(1),
    rows: new Int32Array(0),
  };
}

function largest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}
