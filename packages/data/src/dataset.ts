import { type Encoding, encodePair, encodeSft } from "./encode.js";
import { describeRow, hashFile, readRows } from "./readers.js";
import { defaultTemplate, renderRow } from "./templates.js";
import type {
  DataFormat,
  Dataset,
  DatasetOptions,
  DatasetReport,
  ExampleKind,
  PairExample,
  SftExample,
} from "./types.js";

const FORMATS: Record<ExampleKind, readonly DataFormat[]> = {
  sft: ["alpaca", "prompt-response", "messages", "text"],
  dpo: ["pairs", "hh"],
};

/** How many row numbers the report keeps for each reason. */
const ROWS_SHOWN = 5;

/**
 * Reads a data file and turns every row into ids: template, then tokens, then `truncate`. Prompts of pairs are tokenised once.
 *
 * An empty response is an error, but in `hh` data, which has a few, the row is dropped and counted.
 *
 * @throws Error in one line naming file and row, or the option that is wrong; also where no row is left
 */
export function loadDataset(options: DatasetOptions & { kind: "sft" }): Promise<Dataset<SftExample>>;
export function loadDataset(options: DatasetOptions & { kind: "dpo" }): Promise<Dataset<PairExample>>;
export function loadDataset(options: DatasetOptions): Promise<Dataset<SftExample> | Dataset<PairExample>>;
export async function loadDataset(options: DatasetOptions): Promise<Dataset<SftExample | PairExample>> {
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
  const template = options.template ?? defaultTemplate(format);
  const encoding: Encoding = {
    tokenizer,
    boundary: options.boundary ?? "separate",
    maxLength,
    truncate: options.truncate ?? "error",
  };
  const identicalPairs = options.identicalPairs ?? "drop";
  const report: DatasetReport = { rows: 0, kept: 0, dropped: {}, cut: {}, firstRows: {} };
  const examples: (SftExample | PairExample)[] = [];

  const reading = options.onProgress === undefined ? {} : { onProgress: options.onProgress };
  for await (const { row, line, value } of readRows(path, reading)) {
    const where = describeRow(path, row, line);
    report.rows++;
    const rendered = renderRow(format, template, value, where, tokenizer);
    if ("drop" in rendered) {
      count(report, "dropped", rendered.drop, row);
      continue;
    }
    const empty = Object.entries(rendered).find(([field, text]) => field !== "prompt" && text.trim() === "");
    if (empty !== undefined) {
      if (format !== "hh")
        throw new Error(`${where}: the ${empty[0]} text is empty; remove the row or fill it`);
      count(report, "dropped", "empty response", row);
      continue;
    }
    const identical = "chosen" in rendered && rendered.chosen === rendered.rejected;
    if (identical && refuseIdentical("chosen = rejected", row, where)) continue;

    const { example, cut, drop } =
      "response" in rendered
        ? encodeSft(rendered, row, where, encoding)
        : encodePair(rendered, row, where, encoding);
    if (example === null) {
      count(report, "dropped", drop, row);
      continue;
    }
    if (!identical && "chosenIds" in example && sameIds(example.chosenIds, example.rejectedIds)) {
      // Two different texts may be the same once cut, or the same to the tokenizer.
      if (
        refuseIdentical(
          cut === null ? "chosen = rejected in tokens" : "chosen = rejected once cut",
          row,
          where,
        )
      )
        continue;
    }
    if (cut !== null) count(report, "cut", cut, row);
    examples.push(example);
    report.kept++;
  }
  if (examples.length === 0) {
    const reasons = Object.entries(report.dropped).map(([reason, rows]) => `${reason}: ${rows}`);
    throw new Error(`${path}: none of the ${report.rows} rows is left (${reasons.join(", ")})`);
  }
  return { examples, hash: await hashFile(path), report, largestId: largestId(examples) };

  function refuseIdentical(reason: string, row: number, where: string): boolean {
    if (identicalPairs === "error") {
      throw new Error(`${where}: ${reason}; set identicalPairs to drop or keep, or remove the row`);
    }
    if (identicalPairs === "drop") count(report, "dropped", reason, row);
    return identicalPairs === "drop";
  }
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

function count(report: DatasetReport, what: "dropped" | "cut", reason: string, row: number): void {
  report[what][reason] = (report[what][reason] ?? 0) + 1;
  report.firstRows[reason] ??= [];
  const rows = report.firstRows[reason];
  if (rows.length < ROWS_SHOWN) rows.push(row);
}

function sameIds(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
