/**
 * One DPO step with each saving of the engine switched on or off. Off is not a straw man: it is the same kernels on the
 * work that a loop without that saving does, so that a rung shows its own effect. All rungs give the same loss.
 */
import { type FlatRow, type PairExample, packPairs } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { dpoLoss } from "@outright/objectives";
import { type LossAndGradient, scope, sequenceSums, Tape, Tensor } from "@outright/tensor";
import { rowLogprobs } from "@outright/trainer";

export interface Rungs {
  /** off: every answer with its prompt takes as many places as the longest of the batch */
  packed: boolean;
  /** off: each answer has a prompt of its own */
  sharedPrompts: boolean;
  /** off: every row goes through the head */
  scoredRowsOnly: boolean;
  /** off: a second model gives the reference log-probs in each step */
  cachedReference: boolean;
}

export interface LadderBatch {
  model: LanguageModel;
  /** asked where the reference is not cached */
  referenceModel: LanguageModel;
  pairs: readonly PairExample[];
  /** float64[2P]; read where the reference is cached */
  reference: Float64Array;
  beta: number;
  tokensPerMicroBatch: number;
}

/** Adds the gradients of one batch. @returns its loss and how many tokens went through the model */
export function ladderStep(batch: LadderBatch, rungs: Rungs): { loss: number; tokens: number } {
  const { model, pairs, beta, tokensPerMicroBatch } = batch;
  const rows = rungs.packed
    ? packPairs(pairs, tokensPerMicroBatch, { sharedPrompt: rungs.sharedPrompts })
    : paddedRows(pairs, tokensPerMicroBatch);
  const parts: LossAndGradient[] = [];
  let done = 0;
  let tokens = 0;
  for (const row of rows) {
    const count = row.rows.length;
    const reference = rungs.cachedReference
      ? batch.reference.subarray(2 * done, 2 * (done + count))
      : referenceLogprobs(batch.referenceModel, row, rungs);
    done += count;
    tokens += row.tokens;
    scope(() => {
      const tape = new Tape();
      const options = { beta, pairs: pairs.length, weight: 1 };
      if (rungs.scoredRowsOnly) {
        const logp = tape.record(() => rowLogprobs(model, row));
        const result = dpoLoss(logp, row.sequenceOffsets, reference, options);
        parts.push(result);
        tape.backward(logp, result.g);
      } else {
        const all = tape.record(() => rowLogprobs(model, everyRowScored(row)));
        const result = dpoLoss(pick(all, row), row.sequenceOffsets, reference, options);
        parts.push(result);
        tape.backward(all, spread(result.g, row));
      }
    });
  }
  return { loss: parts.reduce((sum, { loss }) => sum + loss, 0), tokens };
}

/** Both answers of each pair on their own, filled up to the longest of the batch with tokens that carry no loss. */
export function paddedRows(pairs: readonly PairExample[], budget: number): FlatRow[] {
  const alone = pairs.map((pair) => packPairs([pair], 0, { sharedPrompt: false })[0] as FlatRow);
  const lengths = pairs.flatMap(({ promptIds, chosenIds, rejectedIds }) =>
    [chosenIds, rejectedIds].map((answer) => Math.max(0, promptIds.length + answer.length - 1)),
  );
  const width = Math.max(...lengths);
  const perRow = Math.max(1, Math.floor(budget / (2 * width)));
  const rows: FlatRow[] = [];
  for (let first = 0; first < pairs.length; first += perRow) {
    rows.push(paddedRow(alone.slice(first, first + perRow), width));
  }
  return rows;
}

/** Unshared pairs in one row, every sequence `width` tokens wide. */
function paddedRow(pairs: readonly FlatRow[], width: number): FlatRow {
  const tokens = 2 * pairs.length * width;
  const row = {
    tokens,
    ids: new Int32Array(tokens),
    positions: Int32Array.from({ length: tokens }, (_, at) => at % width),
    start: Int32Array.from({ length: tokens }, (_, at) => at - (at % width)),
    skipFrom: new Int32Array(tokens),
    skipTo: new Int32Array(tokens),
    rows: Int32Array.from(pairs.flatMap(({ rows }) => [...rows])),
  };
  const lossRows: number[] = [];
  const targets: number[] = [];
  const offsets = [0];
  pairs.forEach((pair, p) => {
    const second = pair.start.indexOf(pair.start.at(-1) as number); // where the rejected answer's sequence starts
    for (const [side, from, to] of [
      [0, 0, second],
      [1, second, pair.tokens],
    ] as const) {
      const at = (2 * p + side) * width;
      row.ids.set(pair.ids.subarray(from, to), at);
      const [begin, end] = [pair.sequenceOffsets[side] as number, pair.sequenceOffsets[side + 1] as number];
      for (let n = begin; n < end; n++) {
        lossRows.push((pair.lossRows[n] as number) - from + at);
        targets.push(pair.targets[n] as number);
      }
      offsets.push(targets.length);
    }
  });
  return {
    ...row,
    lossRows: Int32Array.from(lossRows),
    targets: Int32Array.from(targets),
    sequenceOffsets: Int32Array.from(offsets),
  };
}

/** The row with every token through the head; those without loss get any target, and no gradient later. */
function everyRowScored(row: FlatRow): FlatRow {
  const targets = new Int32Array(row.tokens);
  row.lossRows.forEach((at, n) => {
    targets[at] = row.targets[n] as number;
  });
  return { ...row, lossRows: Int32Array.from({ length: row.tokens }, (_, at) => at), targets };
}

/** The log-probs of the loss tokens out of those of all rows. */
function pick(all: Tensor, row: FlatRow): Tensor {
  const values = all.toFloat32();
  return Tensor.from(
    all.device,
    Float32Array.from(row.lossRows, (at) => values[at] as number),
  );
}

/** Gradients of the loss tokens at their rows, 0 elsewhere. */
function spread(g: Tensor, row: FlatRow): Tensor {
  const values = g.toFloat32();
  const all = new Float32Array(row.tokens);
  row.lossRows.forEach((at, n) => {
    all[at] = values[n] as number;
  });
  return Tensor.from(g.device, all);
}

function referenceLogprobs(model: LanguageModel, row: FlatRow, rungs: Rungs): Float64Array {
  return scope(() => {
    const logp = rungs.scoredRowsOnly
      ? rowLogprobs(model, row)
      : pick(rowLogprobs(model, everyRowScored(row)), row);
    return sequenceSums(logp, Tensor.from(model.device, row.sequenceOffsets));
  });
}
