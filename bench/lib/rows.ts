/** The rows of the step benchmarks: real ones where they are here, else random ids of the same lengths. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { counterRandom, loadDataset, loadTokenizer, type PairExample, type SftExample } from "@outright/data";
import { DPO_LENGTHS, SFT_LENGTHS } from "./lengths.js";

export interface Rows {
  /** what they are, for the record */
  source: string;
  sft: SftExample[];
  dpo: PairExample[];
}

/** As in the published comparison: at most 256 tokens an example, an answer's end is cut. */
const MAX_LENGTH = 256;
const TOKENIZER = "tokenizers/gpt-neox-20b";
const ALPACA = "alpaca_gpt4/alpaca_gpt4.jsonl";
const HELPFUL = "hh_rlhf/helpful.train.jsonl";

/** The folder of real data: given, or OUTRIGHT_TEST_DATA; undefined where it lacks a file. */
export function dataFolder(given: string | undefined): string | undefined {
  const folder = given ?? process.env.OUTRIGHT_TEST_DATA;
  if (folder === undefined || folder === "") return undefined;
  const missing = [TOKENIZER, ALPACA, HELPFUL].find((path) => !existsSync(join(folder, path)));
  if (missing === undefined) return resolve(folder);
  throw new Error(
    `--data ${folder}: there is no ${missing}; without --data rows of the same lengths are made`,
  );
}

/** The first `count` examples and pairs. Ids are below `vocabulary`. */
export async function loadRows(count: number, folder: string | undefined, vocabulary: number): Promise<Rows> {
  return folder === undefined ? randomRows(count, vocabulary) : await realRows(count, folder);
}

async function realRows(count: number, folder: string): Promise<Rows> {
  const tokenizer = await loadTokenizer(join(folder, TOKENIZER));
  const common = { tokenizer, maxLength: MAX_LENGTH, truncate: "response-right" } as const;
  const sft = await loadDataset({ ...common, kind: "sft", path: join(folder, ALPACA), format: "alpaca" });
  const dpo = await loadDataset({ ...common, kind: "dpo", path: join(folder, HELPFUL), format: "hh" });
  return {
    source: `alpaca-gpt4 and hh-rlhf helpful, the first ${count} rows of at most ${MAX_LENGTH} tokens, GPT-NeoX tokenizer`,
    sft: repeat(sft.examples as readonly SftExample[], count),
    dpo: repeat(dpo.examples as readonly PairExample[], count),
  };
}

function randomRows(count: number, vocabulary: number): Rows {
  const uniform = counterRandom(1, "bench rows");
  let drawn = 0;
  // id 0 is the EOS: it stands at the end of an answer only
  const ids = (length: number) =>
    Int32Array.from({ length }, () => 1 + Math.floor(uniform(drawn++) * (vocabulary - 1)));
  const answer = (length: number) => ids(length).fill(0, length - 1);
  return {
    source: `random ids, the lengths of alpaca-gpt4 and hh-rlhf helpful rows of at most ${MAX_LENGTH} tokens`,
    sft: repeat(SFT_LENGTHS, count).map(([prompt, response], row) => ({
      row,
      promptIds: ids(prompt),
      responseIds: answer(response),
      responseEnds: true,
    })),
    dpo: repeat(DPO_LENGTHS, count).map(([prompt, chosen, rejected], row) => ({
      row,
      promptIds: ids(prompt),
      chosenIds: answer(chosen),
      rejectedIds: answer(rejected),
    })),
  };
}

const repeat = <T>(list: readonly T[], count: number): T[] =>
  Array.from({ length: count }, (_, i) => list[i % list.length] as T);

/** Rows as both sides of a comparison read them. */
export interface RowsFile {
  sft: { prompt: number[]; response: number[] }[];
  dpo: { prompt: number[]; chosen: number[]; rejected: number[] }[];
}

export function toFile({ sft, dpo }: Rows): RowsFile {
  return {
    sft: sft.map((row) => ({ prompt: [...row.promptIds], response: [...row.responseIds] })),
    dpo: dpo.map((row) => ({
      prompt: [...row.promptIds],
      chosen: [...row.chosenIds],
      rejected: [...row.rejectedIds],
    })),
  };
}

export function fromFile(file: RowsFile): Pick<Rows, "sft" | "dpo"> {
  const ids = (list: readonly number[]) => Int32Array.from(list);
  return {
    sft: file.sft.map(({ prompt, response }, row) => ({
      row,
      promptIds: ids(prompt),
      responseIds: ids(response),
      responseEnds: true,
    })),
    dpo: file.dpo.map(({ prompt, chosen, rejected }, row) => ({
      row,
      promptIds: ids(prompt),
      chosenIds: ids(chosen),
      rejectedIds: ids(rejected),
    })),
  };
}

/** Tokens that are not padding, each answer with its prompt, whatever layout computes them: the same for every side. */
export function usefulTokens(rows: Pick<Rows, "sft" | "dpo">): number {
  const sft = rows.sft.reduce((sum, row) => sum + row.promptIds.length + row.responseIds.length, 0);
  return rows.dpo.reduce(
    (sum, row) => sum + 2 * row.promptIds.length + row.chosenIds.length + row.rejectedIds.length,
    sft,
  );
}
