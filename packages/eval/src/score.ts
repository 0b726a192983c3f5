/** `outright score`: the log-probs of every row of a file, the same numbers that training uses. */
import { closeSync, openSync, writeSync } from "node:fs";
import { openAdapterDirectory, tokenizerDirectory } from "@outright/checkpoint";
import {
  type Boundary,
  type DataFormat,
  type Dataset,
  type DatasetReport,
  type FlatRow,
  loadDataset,
  loadTokenizer,
  type PairExample,
  packPairs,
  packSft,
  readMargins,
  type SftExample,
  type TemplateName,
  type Truncate,
} from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { type PreferenceLoss, pairLoss } from "@outright/objectives";
import { type Device, scope, sequenceSums, Tensor } from "@outright/tensor";
import { addAdapter, loadModel, microBatchTokens, openDevice, rowLogprobs } from "@outright/trainer";
import { type ScoreLossOptions, scoreLoss } from "./score-loss.js";

export interface ScoreOptions extends ScoreLossOptions {
  /** a Hugging Face directory, or an adapter's, which then is merged into its base */
  model: string;
  /** an adapter directory in peft's format, added to `model` layer by layer, as in training */
  adapter?: string;
  data: string;
  format: DataFormat;
  template?: TemplateName;
  boundary?: Boundary;
  /** file written: one JSON object a row, then the summary */
  out: string;
  /** default: no limit */
  maxLength?: number;
  /** default "error" */
  truncate?: Truncate;
  tokensPerMicroBatch?: number | "auto";
  /** also write each loss token's log-prob, as `logprobs` (pairs: `chosenLogprobs`, `rejectedLogprobs`) */
  perToken?: boolean;
  device?: string;
  /** of weights and activations; default float32 */
  dtype?: "float32" | "bfloat16";
  threads?: number;
  onProgress?: (done: number, total: number) => void;
}

export interface ScoreSummary {
  summary: true;
  rows: number;
  scored: number;
  dropped: Record<string, number>;
  cut: Record<string, number>;
  lossTokens: number;
  /** mean −log-prob of a loss token (SFT formats) */
  loss?: number;
  /** the same, averaged over rows first (SFT formats) */
  exampleMeanLoss?: number;
  /** means over pairs (pair formats); those after `rejected` are of a loss, where there is one */
  chosen?: number;
  rejected?: number;
  /** with all of its settings */
  settings?: PreferenceLoss;
  margin?: number;
  /** as training has it, an NLL term included */
  preferenceLoss?: number;
  /** mean −log-prob of a chosen token, where the loss has an NLL term */
  nll?: number;
  /** the same as `preferenceLoss`, where that is DPO's sigmoid loss */
  dpoLoss?: number;
  accuracy?: number;
}

/** Scores a file and writes `out`. @throws one line for everything a person can mend */
export async function scoreFile(options: ScoreOptions): Promise<ScoreSummary> {
  const settings = scoreLoss(options);
  const tokenizer = await loadTokenizer(tokenizerDirectory(options.model));
  const common = {
    path: options.data,
    format: options.format,
    ...(options.template === undefined ? {} : { template: options.template }),
    ...(options.boundary === undefined ? {} : { boundary: options.boundary }),
    tokenizer,
    maxLength: options.maxLength ?? Number.MAX_SAFE_INTEGER,
    truncate: options.truncate ?? "error",
  };
  const device = openDevice({
    device: options.device ?? "auto",
    threads: options.threads ?? 0,
  });
  const budget = microBatchTokens(options.tokensPerMicroBatch ?? "auto", device);
  try {
    if (options.format === "pairs" || options.format === "hh") {
      const dataset = await loadDataset({ ...common, kind: "dpo", identicalPairs: "keep" });
      const margins = settings?.loss === "mmpo" ? await readMargins(options.data) : null;
      const policy = scorePairs(device, policyOf(options), dataset, budget, options);
      const reference =
        options.reference === undefined
          ? null
          : scorePairs(device, referenceOf(options.reference, options), dataset, budget, options);
      return writePairs(options, dataset, policy, { settings, reference, margins });
    }
    const dataset = await loadDataset({ ...common, kind: "sft" });
    return writeRows(options, dataset, scoreRows(device, policyOf(options), dataset, budget, options));
  } finally {
    device.close();
  }
}

/** A model, and an adapter on it where there is one. */
interface Scored {
  path: string;
  dtype: "float32" | "bfloat16";
  adapter?: string;
}

const policyOf = ({ model, adapter, dtype = "float32" }: ScoreOptions): Scored => ({
  path: model,
  dtype,
  ...(adapter === undefined ? {} : { adapter }),
});

const referenceOf = (path: string, { dtype = "float32" }: ScoreOptions): Scored => ({ path, dtype });

/** A file of log-probs per sequence: sums in float64, and per token where wanted. */
interface Sequences {
  sums: Float64Array;
  perToken: Float32Array[];
}

function scoreRows(
  device: Device,
  scored: Scored,
  dataset: Dataset<SftExample>,
  budget: number,
  options: ScoreOptions,
): Sequences {
  return withModel(device, scored, dataset, (model) =>
    scoreSequences(model, packSft(dataset.examples, budget), dataset.examples.length, options),
  );
}

function scorePairs(
  device: Device,
  scored: Scored,
  dataset: Dataset<PairExample>,
  budget: number,
  options: ScoreOptions,
): Sequences {
  return withModel(device, scored, dataset, (model) =>
    scoreSequences(
      model,
      packPairs(dataset.examples, budget, { sharedPrompt: true }),
      2 * dataset.examples.length,
      options,
    ),
  );
}

function withModel<R>(
  device: Device,
  scored: Scored,
  dataset: Dataset<unknown>,
  body: (model: LanguageModel) => R,
): R {
  const { path, adapter, dtype } = scored;
  const { model } = loadModel(device, path, "pretrained", 0, { dtype, trainable: false });
  try {
    if (adapter !== undefined) addAdapter(model, openAdapterDirectory(adapter));
    if (dataset.largestId >= model.vocabSize) {
      throw new Error(
        `${path}: the data holds token id ${dataset.largestId}, the model's vocabulary ends at ${model.vocabSize - 1}`,
      );
    }
    return body(model);
  } finally {
    model.dispose();
  }
}

function scoreSequences(
  model: LanguageModel,
  rows: readonly FlatRow[],
  sequences: number,
  options: ScoreOptions,
): Sequences {
  const sums = new Float64Array(sequences);
  const perToken: Float32Array[] = [];
  let done = 0;
  for (const row of rows) {
    scope(() => {
      const logp = rowLogprobs(model, row);
      const part = sequenceSums(logp, Tensor.from(model.device, row.sequenceOffsets));
      sums.set(part, done);
      if (options.perToken === true) {
        const values = logp.toFloat32();
        part.forEach((_, s) => {
          perToken.push(values.slice(row.sequenceOffsets[s], row.sequenceOffsets[s + 1]));
        });
      }
      done += part.length;
    });
    options.onProgress?.(done, sequences);
  }
  return { sums, perToken };
}

function writeRows(options: ScoreOptions, dataset: Dataset<SftExample>, scores: Sequences): ScoreSummary {
  let lossTokens = 0;
  let total = 0;
  let means = 0;
  const lines = dataset.examples.map((example, i) => {
    const logprob = scores.sums[i] as number;
    const scored = example.responseIds.length - (example.promptIds.length === 0 ? 1 : 0);
    lossTokens += scored;
    total += logprob;
    means += scored === 0 ? 0 : logprob / scored;
    return {
      row: example.row,
      tokens: example.promptIds.length + example.responseIds.length,
      lossTokens: scored,
      logprob,
      meanLogprob: logprob / scored,
      ...(options.perToken === true ? { logprobs: [...(scores.perToken[i] ?? [])] } : {}),
    };
  });
  const summary = {
    ...summarise(dataset.report, dataset.examples.length, lossTokens),
    loss: -total / lossTokens,
    exampleMeanLoss: -means / dataset.examples.length,
  };
  writeLines(options.out, [...lines, summary]);
  return summary;
}

/** What the loss of pairs is computed from beside the model's own log-probs. */
interface Compared {
  settings: PreferenceLoss | null;
  reference: Sequences | null;
  /** quality margins by row of the file */
  margins: Float64Array | null;
}

function writePairs(
  options: ScoreOptions,
  dataset: Dataset<PairExample>,
  policy: Sequences,
  { settings, reference, margins }: Compared,
): ScoreSummary {
  const lines = dataset.examples.map((example, p) => {
    const { row, promptIds, chosenIds, rejectedIds } = example;
    const unseen = promptIds.length === 0 ? 1 : 0;
    const answer = (s: number, tokens: number) => ({
      logp: policy.sums[s] as number,
      reference: reference?.sums[s] ?? 0,
      tokens: tokens - unseen,
    });
    const chosen = answer(2 * p, chosenIds.length);
    const rejected = answer(2 * p + 1, rejectedIds.length);
    const line = {
      row,
      tokens: promptIds.length + chosenIds.length + rejectedIds.length,
      lossTokens: chosen.tokens + rejected.tokens,
      chosen: chosen.logp,
      rejected: rejected.logp,
      ...(options.perToken === true
        ? {
            chosenLogprobs: [...(policy.perToken[2 * p] ?? [])],
            rejectedLogprobs: [...(policy.perToken[2 * p + 1] ?? [])],
          }
        : {}),
    };
    if (settings === null) return { line, chosenTokens: chosen.tokens };
    const { margin, loss } = pairLoss({ chosen, rejected, quality: margins?.[row] ?? 0 }, settings);
    const compared = {
      ...(reference === null
        ? {}
        : { referenceChosen: chosen.reference, referenceRejected: rejected.reference }),
      ...(margins === null ? {} : { quality: margins[row] as number }),
    };
    return { line: { ...line, ...compared, margin, loss }, chosenTokens: chosen.tokens, margin, loss };
  });
  type Scored = (typeof lines)[number];
  const sum = (of: (scored: Scored) => number) => lines.reduce((total, scored) => total + of(scored), 0);
  const mean = (of: (scored: Scored) => number) => sum(of) / lines.length;
  const summary: ScoreSummary = {
    ...summarise(
      dataset.report,
      lines.length,
      sum(({ line }) => line.lossTokens),
    ),
    chosen: mean(({ line }) => line.chosen),
    rejected: mean(({ line }) => line.rejected),
  };
  if (settings !== null) {
    const nll =
      -sum(({ line }) => line.chosen) /
      Math.max(
        1,
        sum(({ chosenTokens }) => chosenTokens),
      );
    const loss = mean((scored) => scored.loss ?? Number.NaN) + (settings.nll === 0 ? 0 : settings.nll * nll);
    const isRight = (margin = Number.NaN) => (margin > 0 ? 1 : margin === 0 ? 0.5 : 0);
    Object.assign(summary, {
      settings,
      margin: mean((scored) => scored.margin ?? Number.NaN),
      preferenceLoss: loss,
      ...(settings.nll === 0 ? {} : { nll }),
      ...(settings.loss === "sigmoid" && settings.nll === 0 ? { dpoLoss: loss } : {}),
      accuracy: mean(({ margin }) => isRight(margin)),
    } satisfies Partial<ScoreSummary>);
  }
  writeLines(options.out, [...lines.map(({ line }) => line), summary]);
  return summary;
}

function summarise(report: DatasetReport, scored: number, lossTokens: number): ScoreSummary {
  const { rows, dropped, cut } = report;
  return { summary: true, rows, scored, dropped, cut, lossTokens };
}

function writeLines(path: string, lines: readonly object[]): void {
  const file = openSync(path, "w");
  try {
    for (const line of lines) writeSync(file, `${JSON.stringify(line)}\n`);
  } finally {
    closeSync(file);
  }
}
