/** Greedy generation without a cache: the whole row is computed again for every token. The clear version, which the cached one is held to. */
import type { FlatRow } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { linear, scope, Tensor } from "@outright/tensor";
import { uploadInput } from "@outright/trainer";
import { mostLikely } from "./sampling.js";

interface Growing {
  ids: number[];
  made: number[];
}

/** Tokens of one flat row, at most. */
const TOKENS_PER_ROW = 4096;

/**
 * The most likely continuation of each prompt, token by token until `eosId` or `maxTokens`; ties go to the lower id.
 * @param prompts token ids with their special tokens; none may be empty
 * @returns the ids made, without the EOS
 */
export function generateByRecomputing(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
  eosId: number,
  maxTokens: number,
): number[][] {
  const all = prompts.map((prompt, i): Growing => {
    if (prompt.length === 0) throw new Error(`prompt ${i} has no tokens: there is nothing to continue`);
    return { ids: [...prompt], made: [] };
  });
  let active = [...all];
  for (let n = 0; n < maxTokens && active.length > 0; n++) {
    const finished = new Set<Growing>();
    for (const group of byTokens(active, TOKENS_PER_ROW)) {
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
  }
  return all.map(({ made }) => made);
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
    return sequences.map((_, s) => mostLikely(logits.subarray(s * V, (s + 1) * V)));
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
