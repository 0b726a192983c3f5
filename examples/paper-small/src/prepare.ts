/**
 * Makes what the comparison starts from: the data files, checked by their hashes, plain text in rows, a tokenizer of 4,096 tokens and
 * a model directory without weights. Files that are there already are left as they are.
 */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { trainTokenizer, writeBaseDirectory } from "outright";
import { FILES } from "./files.js";

/** Hidden size 256, 4 layers, 4 heads: 4.2 million parameters with the embedding, which is the output head too. */
const SHAPE = { hidden: 256, layers: 4, heads: 4, intermediate: 688, positions: 512 };
const VOCABULARY = 4096;
/** Characters of one row of plain text, about 400 tokens; it ends with a paragraph. */
const ROW = 1500;

/**
 * @param data folder with alpaca_gpt4/, hh_rlhf/ and text/
 * @param work folder for everything that is made
 * @throws Error of one line where a file is missing, or is another one
 */
export async function prepare(data: string, work: string): Promise<void> {
  const own = join(work, "data");
  mkdirSync(own, { recursive: true });
  for (const [path, hash] of Object.entries(FILES)) {
    const from = join(data, path);
    if (!existsSync(from)) throw new Error(`${from}: no such file; give the folder that holds ${path}`);
    const found = createHash("sha256").update(readFileSync(from)).digest("hex");
    if (found !== hash)
      throw new Error(
        `${from}: is another file than the comparison was made with (sha256 ${found.slice(0, 12)}…)`,
      );
    const to = join(own, path.split("/").at(-1) as string);
    if (!existsSync(to)) copyFileSync(from, to);
  }
  const texts = plainTexts(join(data, "text"));
  write(join(own, "text.jsonl"), () =>
    rowsOf(texts)
      .map((text) => `${JSON.stringify({ text })}\n`)
      .join(""),
  );
  const blank = join(work, "blank");
  if (existsSync(join(blank, "tokenizer.json"))) return;
  const tokenizer = trainTokenizer([...texts, ...dialogues(own)], VOCABULARY);
  await writeBaseDirectory(blank, tokenizer, SHAPE);
}

/** All .txt files of the folder and of gutenberg/ in it, by name. */
function plainTexts(folder: string): string[] {
  const names = (path: string) =>
    readdirSync(path)
      .filter((name) => name.endsWith(".txt"))
      .sort();
  const paths = [
    ...names(folder).map((name) => join(folder, name)),
    ...names(join(folder, "gutenberg")).map((name) => join(folder, "gutenberg", name)),
  ];
  return paths.map((path) => readFileSync(path, "utf8").replaceAll("<|endoftext|>", "\n\n"));
}

/** The tokenizer sees the words of both objectives too, of training rows only. */
function dialogues(own: string): string[] {
  const lines = (name: string) => readFileSync(join(own, name), "utf8").trimEnd().split("\n");
  const sft = lines("alpaca_gpt4.jsonl").map((line) => JSON.parse(line) as Record<string, string>);
  const dpo = lines("helpful.train.jsonl").map((line) => JSON.parse(line) as Record<string, string>);
  return [
    ...sft.flatMap(({ instruction = "", input = "", output = "" }) => [instruction, input, output]),
    ...dpo.map(({ chosen = "" }) => chosen),
  ];
}

/** Paragraphs put together to rows of about the same length. */
export function rowsOf(texts: readonly string[]): string[] {
  const rows: string[] = [];
  for (const text of texts) {
    let row = "";
    for (const paragraph of text.split(/\n\s*\n/)) {
      const whole = paragraph.trim();
      if (whole === "") continue;
      if (row !== "" && row.length + whole.length > ROW) {
        rows.push(row);
        row = "";
      }
      row += row === "" ? whole : `\n\n${whole}`;
    }
    if (row !== "") rows.push(row);
  }
  return rows;
}

/** Complete or not at all. */
function write(path: string, content: () => string): void {
  if (existsSync(path)) return;
  writeFileSync(`${path}.new`, content());
  renameSync(`${path}.new`, path);
}
