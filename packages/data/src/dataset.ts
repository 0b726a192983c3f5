import { type Encoding, encodeRow } from "./encode.js";
import { type Fitting, fitRow } from "./fit.js";
import { describeRow, hashFile, readRows } from "./readers.js";
import { countFitted, noneLeft, startReport } from "./report.js";
import { defaultTemplate } from "./templates.js";
import type { DataFormat, Dataset, DatasetOptions, ExampleKind, PairExample, SftExample } from "./types.js";

const FORMATS: Record<ExampleKind, readonly DataFormat[]> = {
  sft: ["alpaca", "prompt-response", "messages", "text"],
  dpo: ["pairs", "hh"],
};

/**
 * Reads a data file and turns every row into ids, one after another in the calling thread: template, then tokens, then
 * `truncate`. Prompts of pairs are tokenised once. `openExamples` gives the same examples, from several threads and from a cache.
 *
 * An empty response is an error, but in `hh` data, which has a few, the row is dropped and counted.
 *
 * @throws Error in one line naming file and row, or the option that is wrong; also where no row is left
 */
export function loadDataset(options: DatasetOptions & { kind: "sft" }): Promise<Dataset<SftExample>>;
export function loadDataset(options: DatasetOptions & { kind: "dpo" }): Promise<Dataset<PairExample>>;
export function loadDataset(options: DatasetOptions): Promise<Dataset<SftExample> | Dataset<PairExample>>;
export async function loadDataset(options: DatasetOptions): Promise<Dataset<SftExample | PairExample>> {
  const { path } = options;
  const { encoding, fitting } = checkOptions(options);
  const report = startReport();
  const examples: (SftExample | PairExample)[] = [];
  const reading = options.onProgress === undefined ? {} : { onProgress: options.onProgress };
  for await (const { row, line, value } of readRows(path, reading)) {
    const where = describeRow(path, row, line);
    const fitted = fitRow(encodeRow(value, where, encoding), row, () => where, fitting);
    countFitted(report, fitted, row);
    if (fitted.example !== null) examples.push(fitted.example);
  }
  if (examples.length === 0) throw noneLeft(path, report);
  return { examples, hash: await hashFile(path), report, largestId: largestId(examples) };
}

/**
 * What a data set's options say, defaults filled in.
 * @throws Error in one line where kind and format do not agree, or `maxLength` is no length
 */
export function checkOptions(options: Omit<DatasetOptions, "onProgress">): {
  encoding: Encoding;
  fitting: Fitting;
} {
  const { kind, path, format, tokenizer, maxLength } = options;
  if (!FORMATS[kind].includes(format)) {
    const takes = kind === "sft" ? "prompts with one response" : "pairs of a chosen and a rejected response";
    throw new Error(
      `${path}: kind ${kind} takes ${takes}: format ${FORMATS[kind].join(", ")}; not ${format}`,
    );
  }
  if (!Number.isInteger(maxLength) || maxLength < 2) {
    throw new Error(`maxLength must be a whole number of tokens ≥ 2, not ${maxLength}`);
  }
  return {
    encoding: {
      format,
      template: options.template ?? defaultTemplate(format),
      boundary: options.boundary ?? "separate",
      tokenizer,
    },
    fitting: {
      maxLength,
      truncate: options.truncate ?? "error",
      identicalPairs: options.identicalPairs ?? "drop",
      prefixIds: tokenizer.prefixIds,
    },
  };
}

/** The largest token id of any example, or -1 where there is none. */
export function largestId(examples: readonly (SftExample | PairExample)[]): number {
  let largest = -1;
  for (const example of examples) {
    const parts =
      "responseIds" in example
        ? [example.promptIds, example.responseIds]
        : [example.promptIds, example.chosenIds, example.rejectedIds];
    for (const ids of parts) for (const id of ids) if (id > largest) largest = id;
  }
  return largest;
}
