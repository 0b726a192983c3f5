/**
 * From a data file to token ids, in rows a second: the tokenizer library alone, `loadDataset` (one thread), `openExamples` (a thread for
 * each core) and the same from its cache; each in a process of its own, so that every one begins cold, the sides in turn.
 *
 *   pnpm bench:data [--data FOLDER] [--rounds 3] [--copies 1] [--out bench/results/data.json]
 *
 * FOLDER holds alpaca_gpt4/alpaca_gpt4.jsonl and tokenizers/gpt-neox-20b/tokenizer.json; default: OUTRIGHT_TEST_DATA.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  loadDataset,
  loadTokenizer,
  openExamples,
  packSft,
  renderRow,
  type SftExample,
} from "@outright/data";

export interface DataBenchOptions {
  /** folder of the real data */
  data?: string;
  /** default 3 */
  rounds?: number;
  /** the file so many times over; 12 is about the size of the whole Alpaca set. Default 1 */
  copies?: number;
  say?: (line: string) => void;
}

export interface DataSide {
  side: Side;
  /** medians over the rounds */
  rowsPerSecond: number;
  /** of the clock, from the opened file to its last example; the tokenizer is there already */
  seconds: number;
  /** of all threads */
  cpuSeconds: number;
}

export interface DataBenchResult {
  rows: number;
  tokens: number;
  threads: number;
  sides: DataSide[];
  /** median microseconds in which the 8 examples of a step are taken from the cache and packed */
  prepareMicroseconds: number;
  /** median seconds in which the tokenizer is loaded */
  tokenizerSeconds: number;
}

const SIDES = ["library", "one thread", "threads", "cache"] as const;
type Side = (typeof SIDES)[number];

interface Measured {
  rows: number;
  tokens: number;
  seconds: number;
  cpuSeconds: number;
  tokenizerSeconds: number;
  prepareMicroseconds: number;
}

/** @returns why nothing was measured, or what was */
export function runData(options: DataBenchOptions = {}): { skipped: string } | DataBenchResult {
  const { rounds = 3, copies = 1, say = () => {} } = options;
  const folder = options.data ?? process.env["OUTRIGHT_TEST_DATA"];
  if (folder === undefined) return { skipped: "needs real data: name its folder with --data" };
  const source = join(folder, "alpaca_gpt4/alpaca_gpt4.jsonl");
  const tokenizer = join(folder, "tokenizers/gpt-neox-20b");
  const missing = [source, join(tokenizer, "tokenizer.json")].find((path) => !existsSync(path));
  if (missing !== undefined) return { skipped: `needs real data: ${missing}` };
  const work = mkdtempSync(join(tmpdir(), "outright-bench-data-"));
  try {
    const path = join(work, "alpaca.jsonl");
    writeFileSync(path, readFileSync(source, "utf8").repeat(copies));
    const measured: Record<Side, Measured[]> = { library: [], "one thread": [], threads: [], cache: [] };
    for (let round = 0; round < rounds; round++) {
      for (const side of SIDES) {
        const one = inChild(side, path, tokenizer, join(work, "cache"));
        measured[side].push(one);
        say(`round ${round + 1}, ${side}: ${Math.round(one.rows / one.seconds)} rows/s`);
      }
    }
    const first = measured.library[0] as Measured;
    for (const { rows, tokens } of Object.values(measured).flat()) {
      if (rows !== first.rows || tokens !== first.tokens)
        throw new Error("the sides do not give the same tokens");
    }
    return {
      rows: first.rows,
      tokens: first.tokens,
      threads: availableParallelism(),
      sides: SIDES.map((side) => ({
        side,
        rowsPerSecond: first.rows / median(measured[side], "seconds"),
        seconds: median(measured[side], "seconds"),
        cpuSeconds: median(measured[side], "cpuSeconds"),
      })),
      prepareMicroseconds: median(measured.cache, "prepareMicroseconds"),
      tokenizerSeconds: median(Object.values(measured).flat(), "tokenizerSeconds"),
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function median(list: readonly Measured[], of: keyof Measured): number {
  const values = list.map((one) => one[of]).sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)] as number;
}

function inChild(side: Side, path: string, tokenizer: string, cache: string): Measured {
  const self = fileURLToPath(import.meta.url);
  const job = JSON.stringify({ side, path, tokenizer, cache });
  const printed = execFileSync(process.execPath, [...process.execArgv, self, "--job", job], {
    encoding: "utf8",
  });
  return JSON.parse(printed) as Measured;
}

/** One side, in this process. */
async function measure(side: Side, path: string, directory: string, cache: string): Promise<Measured> {
  const loading = performance.now();
  const tokenizer = side === "library" ? null : await loadTokenizer(directory);
  const library = side === "library" ? loadLibrary(directory) : null;
  const tokenizerSeconds = (performance.now() - loading) / 1000;
  const options = { kind: "sft", path, format: "alpaca", maxLength: 1 << 20 } as const;

  const cpuBefore = process.cpuUsage();
  const begun = performance.now();
  let rows = 0;
  let tokens = 0;
  const take = ({ promptIds, responseIds }: SftExample) => {
    rows++;
    tokens += promptIds.length + responseIds.length;
  };
  let prepareMicroseconds = 0;
  if (library !== null) for (const count of library(path)) [rows, tokens] = [rows + 1, tokens + count];
  else if (tokenizer !== null && side === "one thread") {
    for (const example of (await loadDataset({ ...options, tokenizer })).examples) take(example);
  } else if (tokenizer !== null) {
    const examples = await openExamples({
      ...options,
      tokenizer,
      cache: side === "cache" ? cache : `${cache}-${process.pid}`,
    });
    await examples.complete();
    for (let row = 0; row < examples.rows; row++) take(examples.example(row) as SftExample);
    const seconds = (performance.now() - begun) / 1000;
    const cpuSeconds = cpuSince(cpuBefore);
    prepareMicroseconds = preparing((row) => examples.example(row) as SftExample, examples.rows);
    examples.close();
    return { rows, tokens, seconds, cpuSeconds, tokenizerSeconds, prepareMicroseconds };
  }
  const seconds = (performance.now() - begun) / 1000;
  return { rows, tokens, seconds, cpuSeconds: cpuSince(cpuBefore), tokenizerSeconds, prepareMicroseconds };
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Median time of taking 8 rows from all over the file and packing them, as a step does. */
function preparing(example: (row: number) => SftExample, rows: number): number {
  const times = Array.from({ length: 201 }, (_, step) => {
    const begun = performance.now();
    packSft(
      Array.from({ length: 8 }, (_, i) => example((7919 * (8 * step + i)) % rows)),
      2048,
    );
    return 1000 * (performance.now() - begun);
  });
  return times.sort((a, b) => a - b)[100] as number;
}

/** The library as it comes, and the template written out: tokens of each row. */
function loadLibrary(directory: string): (path: string) => Generator<number> {
  // found from the package that declares it
  const { Tokenizer } = createRequire(import.meta.resolve("@outright/data"))("@huggingface/tokenizers") as {
    Tokenizer: new (json: object, config: object) => { encode(text: string): { ids: number[] } };
  };
  const tokenizer = new Tokenizer(
    JSON.parse(readFileSync(join(directory, "tokenizer.json"), "utf8")) as object,
    {},
  );
  return function* (path) {
    for (const line of readFileSync(path, "utf8").trim().split("\n")) {
      const text = renderRow("alpaca", "alpaca", JSON.parse(line), "row") as {
        prompt: string;
        response: string;
      };
      yield tokenizer.encode(text.prompt).ids.length + tokenizer.encode(text.response).ids.length + 1;
    }
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      rounds: { type: "string", default: "3" },
      copies: { type: "string", default: "1" },
      out: { type: "string" },
      job: { type: "string" },
    },
  });
  if (values.job !== undefined) {
    const { side, path, tokenizer, cache } = JSON.parse(values.job) as Record<string, string>;
    const measured = await measure(side as Side, path as string, tokenizer as string, cache as string);
    console.log(JSON.stringify(measured));
    return;
  }
  const result = runData({
    ...(values.data === undefined ? {} : { data: resolve(values.data) }),
    rounds: Number(values.rounds),
    copies: Number(values.copies),
    say: (line) => console.error(line),
  });
  if ("skipped" in result) {
    console.log(`SKIPPED data: ${result.skipped}`);
    return;
  }
  for (const { side, rowsPerSecond, cpuSeconds } of result.sides) {
    console.log(`${side}: ${Math.round(rowsPerSecond)} rows/s, ${cpuSeconds.toFixed(2)} s of processor time`);
  }
  console.log(`a step's 8 examples from the cache, packed: ${result.prepareMicroseconds.toFixed(0)} µs`);
  if (values.out === undefined) return;
  const record = {
    date: new Date().toISOString().slice(0, 10),
    commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
    command: `pnpm bench:data --rounds ${values.rounds} --copies ${values.copies}`,
    device: cpus()[0]?.model ?? "unknown",
    ...result,
  };
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`wrote ${values.out}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
