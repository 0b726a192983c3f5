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
  type SftExample,
  type TemplateName,
  type Truncate,
} from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { logSigmoid } from "@outright/objectives";
import { type Device, scope, sequenceSums, Tensor } from "@outright/tensor";
import { addAdapter, loadModel, microBatchTokens, openDevice, rowLogprobs } from "@outright/trainer";

export interface ScoreOptions {
  /** a Hugging Face directory, or an adapter's, which then is merged into its base */
  model: string;
  /** an adapter directory in peft's format, added to `model` layer by layer, as in training */
  adapter?: string;
  data: string;
  format: DataFormat;
  template?: TemplateName;
  boundary?: Boundary;
  /** directory of the reference model, for pairs; without it margin and loss are left out */
  reference?: string;
  /** default 0.1 */
  beta?: number;
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
  /** means over pairs (pair formats); those after `rejected` need a reference */
  chosen?: number;
  rejected?: number;
  margin?: number;
  dpoLoss?: number;
  accuracy?: number;
}

/** Scores a file and writes `out`. @throws one line for everything a person can mend */
export async function scoreFile(options: ScoreOptions): Promise<ScoreSummary> {
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
  const budget = microBatchTokens(options.tokensPerMicroBatch ?? "auto");
  const device = openDevice({
    device: options.device ?? "auto",
    threads: options.threads ?? 0,
  });
  try {
    if (options.format === "pairs" || options.format === "hh") {
      const dataset = await loadDataset({ ...common, kind: "dpo", identicalPairs: "keep" });
      const policy = scorePairs(device, policyOf(options), dataset, budget, options);
      const reference =
        options.reference === undefined
          ? null
          : scorePairs(device, referenceOf(options.reference, options), dataset, budget, options);
      return writePairs(options, dataset, policy, reference);
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

function writePairs(
  options: ScoreOptions,
  dataset: Dataset<PairExample>,
  policy: Sequences,
  reference: Sequences | null,
): ScoreSummary {
  const beta = options.beta ?? 0.1;
  const at = (scores: Sequences, s: number) => scores.sums[s] as number;
  const lines = dataset.examples.map((example, p) => {
    const chosen = at(policy, 2 * p);
    const rejected = at(policy, 2 * p + 1);
    const line = {
      row: example.row,
      tokens: example.promptIds.length + example.chosenIds.length + example.rejectedIds.length,
      lossTokens:
        example.chosenIds.length + example.rejectedIds.length - (example.promptIds.length === 0 ? 2 : 0),
      chosen,
      rejected,
      ...(options.perToken === true
        ? {
            chosenLogprobs: [...(policy.perToken[2 * p] ?? [])],
            rejectedLogprobs: [...(policy.perToken[2 * p + 1] ?? [])],
          }
        : {}),
    };
    if (reference === null) return line;
    const referenceChosen = at(reference, 2 * p);
    const referenceRejected = at(reference, 2 * p + 1);
    const margin = beta * (chosen - referenceChosen) - beta * (rejected - referenceRejected);
    return { ...line, referenceChosen, referenceRejected, margin, loss: -logSigmoid(margin) };
  });
  const mean = (of: (line: (typeof lines)[number]) => number) =>
    lines.reduce((sum, line) => sum + of(line), 0) / lines.length;
  const margin = (line: (typeof lines)[number]) => ("margin" in line ? line.margin : Number.NaN);
  const summary: ScoreSummary = {
    ...summarise(
      dataset.report,
      lines.length,
      lines.reduce((sum, line) => sum + line.lossTokens, 0),
    ),
    chosen: mean((line) => line.chosen),
    rejected: mean((line) => line.rejected),
    ...(reference === null
      ? {}
      : {
          margin: mean(margin),
          dpoLoss: mean((line) => -logSigmoid(margin(line))),
          accuracy: mean((line) => (margin(line) > 0 ? 1 : margin(line) === 0 ? 0.5 : 0)),
        }),
  };
  writeLines(options.out, [...lines, summary]);
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
