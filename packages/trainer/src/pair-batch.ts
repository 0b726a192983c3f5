/** One batch of preference pairs under any of their losses: shared prompts, normalised over the whole batch. */
import { type FlatRow, type PairExample, packPairs } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import {
  type PairCounts,
  type PairFacts,
  type PreferenceLoss,
  partOf,
  preferenceLoss,
} from "@outright/objectives";
import type { PairMetrics, Tensor } from "@outright/tensor";
import type { BatchOptions, BatchResult } from "./batch-result.js";
import type { Rewards } from "./events.js";
import { runRow } from "./forward.js";

/** @param facts of the P examples: their log-probs under the reference and quality margins, as far as the loss reads them */
export function runPairBatch(
  model: LanguageModel,
  examples: readonly PairExample[],
  facts: PairFacts,
  settings: PreferenceLoss,
  options: BatchOptions,
): BatchResult {
  const rows = packPairs(examples, options.tokensPerMicroBatch, { sharedPrompt: true });
  const counts = { pairs: examples.length, chosenTokens: total(rows, chosenTokens) };
  const parts: { readonly pairs: PairMetrics[] }[] = [];
  let done = 0;
  rows.forEach((row, microBatch) => {
    const rowFacts = partOf(facts, done, done + row.rows.length);
    done += row.rows.length;
    const lossOf = (logp: Tensor) => {
      const result = preferenceLoss(logp, row.sequenceOffsets, rowFacts, settings, counts, options.weight);
      parts.push(result);
      return result;
    };
    runRow(model, row, options.train, lossOf, options.dropout?.(microBatch), options.later);
  });
  const known = {
    lossTokens: total(rows, (row) => row.targets.length),
    tokens: total(rows, (row) => row.tokens),
    // a row without loss tokens is left out
    pairs: total(rows, (row) => (row.targets.length === 0 ? 0 : row.rows.length)),
  };
  let means: Means | undefined;
  const read = () => {
    means ??= meansOf(
      parts.flatMap(({ pairs }) => pairs),
      settings,
      counts,
    );
    return means;
  };
  return {
    ...known,
    get loss() {
      return read().loss;
    },
    get rewards() {
      return read().rewards;
    },
    get logps() {
      return read().logps;
    },
    get nll() {
      return settings.nll === 0 ? undefined : read().nll;
    },
  };
}

type Means = Required<Pick<BatchResult, "loss" | "rewards" | "logps" | "nll">>;

function meansOf(metrics: readonly PairMetrics[], settings: PreferenceLoss, counts: PairCounts): Means {
  const mean = (of: (pair: PairMetrics) => number) =>
    metrics.reduce((sum, pair) => sum + of(pair), 0) / metrics.length;
  const rewards: Rewards = {
    chosen: mean((pair) => pair.rewardChosen),
    rejected: mean((pair) => pair.rewardRejected),
    margin: mean((pair) => pair.margin),
    accuracy: mean((pair) => (pair.margin > 0 ? 1 : pair.margin === 0 ? 0.5 : 0)),
  };
  const logps = { chosen: mean((pair) => pair.logpChosen), rejected: mean((pair) => pair.logpRejected) };
  const nll = (-logps.chosen * metrics.length) / Math.max(1, counts.chosenTokens);
  const loss = mean((pair) => pair.loss);
  return { loss: settings.nll === 0 ? loss : loss + settings.nll * nll, rewards, logps, nll };
}

const total = (rows: readonly FlatRow[], count: (row: FlatRow) => number) =>
  rows.reduce((sum, row) => sum + count(row), 0);

/** Loss tokens of a row's chosen answers: of every other sequence. */
function chosenTokens({ sequenceOffsets }: FlatRow): number {
  let tokens = 0;
  for (let s = 0; s + 1 < sequenceOffsets.length; s += 2) {
    tokens += (sequenceOffsets[s + 1] as number) - (sequenceOffsets[s] as number);
  }
  return tokens;
}
