/** `openExamples` against `loadDataset`, its oracle: threads, the cache, what breaks, and what is still on its way. */
import { execFile, spawnSync } from "node:child_process";
import fs, { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import {
  type Examples,
  type ExamplesOptions,
  loadDataset,
  loadTokenizer,
  openExamples,
  type PairExample,
  type SftExample,
  type Tokenizer,
} from "@outright/data";
import { describe, expect, it } from "vitest";
import { GOLDENS, jsonl, temporary, temporaryFolder } from "./fixtures.js";

const directory = join(GOLDENS, "models", "llama-nano");
const tokenizer = await loadTokenizer(directory);

type Example = SftExample | PairExample;

/** All examples by row, as `loadDataset` lists them. */
function listed(examples: Examples<Example>): Example[] {
  return Array.from({ length: examples.rows }, (_, row) => examples.example(row)).filter(
    (one) => one !== null,
  );
}

/** Opens, waits, lists, closes. */
async function opened(options: ExamplesOptions) {
  const warnings: string[] = [];
  const examples = (await openExamples({
    ...options,
    onWarning: (message) => warnings.push(message),
  })) as Examples<Example>;
  try {
    const doneAtOnce = examples.done;
    const report = await examples.complete();
    for (let row = 0; row < examples.rows; row++) {
      expect(examples.isKept(row)).toBe(examples.example(row) !== null);
    }
    return { examples: listed(examples), report, hash: examples.hash, warnings, doneAtOnce };
  } finally {
    examples.close();
  }
}

/** What comes of it, or the error's text. */
async function outcome<T>(of: Promise<T>): Promise<T | string> {
  return of.catch(({ message }: Error) => message);
}

async function oracle(options: ExamplesOptions) {
  const { examples, report, hash } = await loadDataset(options as never);
  return { examples, report, hash };
}

const words = [
  "red",
  "blue",
  "a longer phrase of words",
  "naïve",
  "日本",
  "x",
  "one two three four five six seven",
];
const text = (i: number) =>
  Array.from({ length: 1 + (i % 11) }, (_, k) => words[(i * 7 + k * k) % words.length]).join(" ");

const rows = {
  alpaca: (i: number) => ({
    instruction: text(i),
    input: i % 3 === 0 ? text(i + 1) : "",
    output: text(i + 2),
  }),
  "prompt-response": (i: number) => ({ prompt: text(i), response: text(i + 3) }),
  messages: (i: number) => ({
    messages: [
      { role: "user", content: text(i) },
      { role: "assistant", content: text(i + 1) },
    ],
  }),
  text: (i: number) => ({ text: text(i) }),
  pairs: (i: number) => ({
    prompt: text(i),
    chosen: text(i + 1),
    rejected: text(i % 5 === 0 ? i + 1 : i + 2),
  }),
  hh: (i: number) => ({
    chosen: `\n\nHuman: ${text(i)}\n\nAssistant: ${i % 13 === 0 ? "" : text(i + 1)}`,
    rejected: `\n\nHuman: ${text(i % 17 === 0 ? i + 1 : i)}\n\nAssistant: ${text(i % 7 === 0 ? i + 1 : i + 2)}`,
  }),
} as const;

const kindOf = (format: keyof typeof rows) => (format === "pairs" || format === "hh" ? "dpo" : "sft");

describe.each(Object.keys(rows) as (keyof typeof rows)[])("format %s", (format) => {
  const path = jsonl(Array.from({ length: 300 }, (_, i) => rows[format](i)));
  const chat = format === "messages" ? ({ template: "plain" } as const) : {};
  const base = { kind: kindOf(format), path, format, tokenizer, ...chat } as const;

  it("gives what loadDataset gives, whatever is cut or dropped, in threads, on demand and from the cache", {
    timeout: 60_000,
  }, async () => {
    const cache = temporaryFolder();
    for (const truncate of ["drop", "prompt-left", "response-right"] as const) {
      for (const maxLength of [20, 80, 140, 1000]) {
        for (const identicalPairs of kindOf(format) === "dpo" ? (["drop", "keep"] as const) : [undefined]) {
          const options = {
            ...base,
            truncate,
            maxLength,
            ...(identicalPairs === undefined ? {} : { identicalPairs }),
          } as const;
          const expected = await outcome(oracle(options));
          const like = (doneAtOnce: number) =>
            typeof expected === "string" ? expected : { ...expected, warnings: [], doneAtOnce };
          expect(await outcome(opened({ ...options, threads: 0 }))).toEqual(like(0));
          expect(await outcome(opened({ ...options, cache }))).toEqual(like(300));
        }
      }
    }
    // one file for all of them: the ids are kept as they are before anything is cut
    expect(readdirSync(cache)).toHaveLength(1);
    const options = { ...base, truncate: "drop", maxLength: 140 } as const;
    const { doneAtOnce: _, ...threaded } = await opened({ ...options, threads: 2 });
    expect(threaded).toEqual({ ...(await oracle(options)), warnings: [] });
  });

  it("and with boundary joint, where the threads load the tokenizer themselves", {
    timeout: 60_000,
  }, async () => {
    const options = { ...base, boundary: "joint", truncate: "drop", maxLength: 140 } as const;
    const { doneAtOnce: _, ...threaded } = await opened({ ...options, threads: 2, cache: temporaryFolder() });
    expect(threaded).toEqual({ ...(await oracle(options)), warnings: [] });
  });
});

describe("kinds of files", () => {
  const many = Array.from({ length: 300 }, (_, i) => rows["prompt-response"](i));
  const lines = many.map((row) => JSON.stringify(row));
  it.each([
    ["rows.json", JSON.stringify(many)],
    ["rows.json.gz", gzipSync(JSON.stringify(many))],
    ["rows.jsonl.gz", gzipSync(`${lines.join("\n")}\n`)],
    ["rows.jsonl", `\ufeff${lines.join("\r\n\r\n  \u00a0 \n")}`],
    ["rows.ndjson", `\n\n${lines.map((line) => `  ${line}`).join("\n")}\n\n`],
  ])("%s", { timeout: 60_000 }, async (name, content) => {
    const path = temporary(name, content);
    const options = { kind: "sft", path, format: "prompt-response", tokenizer, maxLength: 500 } as const;
    const { doneAtOnce: _, ...threaded } = await opened({ ...options, threads: 2 });
    expect(threaded).toEqual({ ...(await oracle(options)), warnings: [] });
  });
});

const many = jsonl(Array.from({ length: 400 }, (_, i) => rows["prompt-response"](i)));
const sft = { kind: "sft", path: many, format: "prompt-response", tokenizer, maxLength: 500 } as const;

/** Like `tokenizer`, but whoever asks it for ids is told off. */
const silent = new Proxy(tokenizer, {
  get(target, key) {
    if (key === "encode") return () => expect.fail("nothing is to be tokenised");
    const value = Reflect.get(target, key, target) as unknown;
    return typeof value === "function" ? (value as () => void).bind(target) : value;
  },
}) as Tokenizer;

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] as number) ^ 1;
  return changed;
}

/** Another text of the same length. */
function replaced(bytes: Buffer, from: string, to: string): Buffer {
  return Buffer.from(bytes.toString("latin1").replace(from, to), "latin1");
}

describe("the cache", () => {
  it("is read instead of tokenising", async () => {
    const cache = temporaryFolder();
    const { examples } = await opened({ ...sft, cache });
    const again = await opened({ ...sft, cache, tokenizer: silent });
    expect(again).toMatchObject({ examples, doneAtOnce: 400, warnings: [] });
    // another length needs no other file
    expect(
      (await opened({ ...sft, cache, tokenizer: silent, maxLength: 60, truncate: "drop" })).report,
    ).toEqual((await oracle({ ...sft, maxLength: 60, truncate: "drop" })).report);
  });

  it("is made anew for other content, another tokenizer, template or boundary", async () => {
    const cache = temporaryFolder();
    await opened({ ...sft, cache });
    const other = jsonl([
      ...readFileSync(many, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
      { prompt: "p", response: "r" },
    ]);
    const neox = await loadTokenizer(join(GOLDENS, "models", "neox-nano"));
    const changes: Partial<ExamplesOptions>[] = [
      { path: other },
      { tokenizer: neox },
      { template: "clean" },
      { boundary: "joint" },
    ];
    for (const [i, change] of changes.entries()) {
      const options = { ...sft, ...change };
      expect(await opened({ ...options, cache })).toMatchObject(await oracle(options));
      expect(readdirSync(cache)).toHaveLength(i + 2);
    }
  });

  it.each<[string, (bytes: Buffer) => Uint8Array | string, string]>([
    ["empty", () => "", "it is damaged or not a token file"],
    ["cut short", (bytes) => bytes.subarray(0, bytes.length - 100), "it is damaged or not a token file"],
    ["without its first ids", (bytes) => bytes.subarray(4), "it is damaged"],
    ["of another id", (bytes) => flipped(bytes, 8), "it is damaged"],
    ["of other numbers", (bytes) => flipped(bytes, bytes.length - 800), "it is damaged"],
    ["some other file", () => "hello, this is no token file at all\n", "it is damaged or not a token file"],
    [
      "of other data",
      (bytes) => replaced(bytes, "prompt-response", "response-prompt"),
      "it was made for something else",
    ],
  ])("that is %s is told in a line and replaced", async (_, change, why) => {
    const cache = temporaryFolder();
    const { examples } = await opened({ ...sft, cache });
    const [name] = readdirSync(cache) as [string];
    const file = join(cache, name);
    const sound = readFileSync(file);
    writeFileSync(file, change(sound));
    const again = await opened({ ...sft, cache });
    expect(again.examples).toEqual(examples);
    expect(again.warnings).toEqual([
      `${file}: the token cache cannot be used (${why}); tokenising rows.jsonl anew`,
    ]);
    expect(readdirSync(cache)).toEqual([name]);
    expect(readFileSync(file).equals(sound)).toBe(true);
  });

  it("has the same bytes whatever the threads", async () => {
    const bytes = [];
    for (const threads of [0, 1, 3]) {
      const cache = temporaryFolder();
      await opened({ ...sft, cache, threads });
      bytes.push(readFileSync(join(cache, readdirSync(cache)[0] as string)));
    }
    expect(bytes[1]?.equals(bytes[0] as Buffer)).toBe(true);
    expect(bytes[2]?.equals(bytes[0] as Buffer)).toBe(true);
  });

  it("may be written by many at once, in one process and in several", { timeout: 120_000 }, async () => {
    const cache = temporaryFolder();
    const script = childScript({ cache, threads: 2 });
    const { examples } = await opened(sft);
    const children = [1, 2].map(() => promisify(execFile)(process.execPath, [script]));
    const all = await Promise.all([1, 2, 3, 4].map((threads) => opened({ ...sft, cache, threads })));
    for (const one of all) {
      expect(one.examples).toEqual(examples);
      expect(one.warnings).toEqual([]);
    }
    for (const child of children) expect((await child).stdout).toBe("400 400 []\n");
    expect(readdirSync(cache)).toHaveLength(1);
  });

  it("that may not be written costs a line, not the run", async () => {
    const cache = join(temporary("file", ""), "tokens");
    const { examples, warnings } = await opened({ ...sft, cache, threads: 2 });
    expect(examples).toEqual((await oracle(sft)).examples);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^\S+\.tokens: the token cache cannot be (written|used) \(ENOTDIR: .*\)/);
    expect(warnings[0]).not.toContain("\n");
  });

  it("on a disk that fills up keeps in memory what was not written", async () => {
    const cache = temporaryFolder();
    const { writeSync } = fs;
    let writes = 0;
    fs.writeSync = ((...parts: unknown[]) => {
      if (++writes > 2)
        throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      return (writeSync as (...parts: unknown[]) => number)(...parts);
    }) as typeof fs.writeSync;
    syncBuiltinESMExports();
    try {
      const { examples, warnings } = await opened({ ...sft, cache, threads: 2 });
      expect(examples).toEqual((await oracle(sft)).examples);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(
        "the token cache cannot be written (ENOSPC: no space left on device, write); going on without it",
      );
    } finally {
      fs.writeSync = writeSync;
      syncBuiltinESMExports();
    }
    expect(readdirSync(cache)).toEqual([]);
  });

  it("is rid of what killed processes left", async () => {
    const cache = temporaryFolder();
    const dead = spawnSync(process.execPath, ["--version"]).pid;
    writeFileSync(join(cache, `.x.tokens.${dead}-0-0.unfinished`), "half");
    const living = `.x.tokens.${process.ppid}-0-0.unfinished`;
    writeFileSync(join(cache, living), "half");
    await opened({ ...sft, cache });
    expect(readdirSync(cache).filter((name) => name.endsWith(".unfinished"))).toEqual([living]);
  });
});

describe("errors", () => {
  const good = Array.from({ length: 400 }, (_, i) => JSON.stringify(rows["prompt-response"](i)));
  const broken = (changes: Record<number, string>) =>
    temporary("rows.jsonl", good.map((line, i) => changes[i] ?? line).join("\n"));
  const long = JSON.stringify({ prompt: "p", response: "word ".repeat(2000) });
  it.each<[string, Record<number, string>]>([
    ["no JSON", { 300: "{", 390: "[]" }],
    ["a missing field", { 399: "{}" }],
    ["an empty response", { 200: '{"prompt":"p","response":" "}', 250: "{" }],
    ["too long, before no JSON", { 129: long, 131: "{", 380: "nonsense" }],
    ["no JSON, before too long", { 140: "7", 150: long }],
  ])("the first in the file is told, as loadDataset does: %s", async (_, changes) => {
    const options = { ...sft, path: broken(changes) };
    const expected = await loadDataset(options).then(
      () => "",
      ({ message }: Error) => message,
    );
    expect(expected).toContain("row ");
    for (const threads of [0, 1, 3]) {
      const cache = temporaryFolder();
      await expect(opened({ ...options, threads, cache })).rejects.toThrow(new Error(expected));
      expect(readdirSync(cache)).toEqual([]);
    }
    await expect(openExamples(options)).rejects.toThrow(new Error(expected));
  });

  it("no row left", async () => {
    for (const threads of [0, 2]) {
      await expect(opened({ ...sft, maxLength: 2, truncate: "drop", threads })).rejects.toThrow(
        `${many}: none of the 400 rows is left (longer than maxLength: 400)`,
      );
    }
  });

  it("a row that is asked for early tells its own error", async () => {
    const path = broken({ 300: "{" });
    const examples = await openExamples({ ...sft, path, threads: 0 });
    expect(examples.example(5)?.row).toBe(5);
    expect(() => examples.example(300)).toThrow(`${path}: row 300 (from 0; line 301) is not valid JSON`);
    examples.close();
  });

  it("a file that changes meanwhile", async () => {
    const path = temporary("rows.jsonl", `${good.join("\n")}\n`);
    const cache = temporaryFolder();
    const examples = await openExamples({ ...sft, path, cache, threads: 0 });
    fs.appendFileSync(path, `${good[0]}\n`);
    await expect(examples.complete()).rejects.toThrow(
      `${path}: the file changed while it was read; start again`,
    );
    examples.close();
    expect(readdirSync(cache)).toEqual([]);
  });

  it("a thread that dies", async () => {
    const gone = temporaryFolder();
    cpSync(directory, gone, { recursive: true });
    const leaving = await loadTokenizer(gone);
    rmSync(gone, { recursive: true });
    // for boundary joint the threads load the directory
    const examples = await openExamples({ ...sft, tokenizer: leaving, boundary: "joint", threads: 2 });
    const untilError = async () => {
      for (let look = 0; look < 1000; look++) {
        examples.check();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await expect(untilError()).rejects.toThrow(
      `${many}: a tokenising thread failed: ${gone}: there is no such model directory`,
    );
    examples.close();
  });
});

describe("the end", () => {
  it("a stop ends the waiting, and nothing is left", async () => {
    for (const threads of [0, 2]) {
      const cache = temporaryFolder();
      const examples = await openExamples({ ...sft, cache, threads });
      await expect(
        examples.complete(() => {
          throw new Error("stop");
        }),
      ).rejects.toThrow("stop");
      examples.close();
      expect(readdirSync(cache)).toEqual([]);
    }
  });

  it.each([true, false])(
    "no process hangs on threads, closed or not (closed: %s)",
    (closed) => {
      const script = childScript({ threads: 2 }, closed ? "examples.close();" : "");
      const begun = performance.now();
      const { status, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8", timeout: 60_000 });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(performance.now() - begun).toBeLessThan(60_000);
    },
    70_000,
  );
});

/** A program that opens `many`; what follows replaces waiting for it. */
function childScript(options: object, then?: string): string {
  const data = new URL("../dist/index.js", import.meta.url).href;
  const rest = JSON.stringify({ ...sft, tokenizer: undefined, ...options });
  return temporary(
    "child.mjs",
    `import { loadTokenizer, openExamples } from ${JSON.stringify(data)};
const warnings = [];
const tokenizer = await loadTokenizer(${JSON.stringify(directory)});
const examples = await openExamples({ ...${rest}, tokenizer, onWarning: (line) => warnings.push(line) });
${then ?? "const { rows, kept } = await examples.complete(); console.log(rows, kept, JSON.stringify(warnings)); examples.close();"}
`,
  );
}
