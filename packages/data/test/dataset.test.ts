import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DatasetOptions,
  largestId,
  loadDataset,
  loadTokenizer,
  type PairExample,
  packPairs,
  packSft,
} from "@outright/data";
import { describe, expect, it } from "vitest";
import { GOLDENS, integerRows, jsonl, realData, temporary } from "./fixtures.js";

const llama = await loadTokenizer(join(GOLDENS, "models", "llama-nano"));
const neox = await loadTokenizer(join(GOLDENS, "models", "neox-nano"));
const encode = (text: string) => llama.encode(text, { specialTokens: false });

const sft = (rows: unknown[], options: Partial<DatasetOptions> = {}) =>
  loadDataset({
    path: jsonl(rows),
    format: "prompt-response",
    tokenizer: llama,
    maxLength: 512,
    ...options,
    kind: "sft",
  });
const dpo = (rows: unknown[], options: Partial<DatasetOptions> = {}) =>
  loadDataset({
    path: jsonl(rows),
    format: "pairs",
    tokenizer: llama,
    maxLength: 512,
    ...options,
    kind: "dpo",
  });

const bytes = (length: number) => "\u0001".repeat(length); // one token each: no merges among control characters

describe.each(["llama-nano", "llama-nano-tied", "neox-nano", "neox-nano-sequential-bf16"])(
  "goldens of %s",
  (name) => {
    const expected = integerRows(join(GOLDENS, "expected", `${name}.fp64.safetensors`));
    const golden = (kind: string) => {
      const [ids, present, loss] = ["input_ids", "attention_mask", "completion_mask"].map((key) =>
        expected(`${kind}/${key}`),
      );
      return (ids as number[][]).map((row, i) => {
        const kept = row.map((id, j) => ({ id, loss: loss?.[i]?.[j] === 1, there: present?.[i]?.[j] === 1 }));
        const there = kept.filter((token) => token.there);
        return {
          prompt: there.filter((token) => !token.loss).map(({ id }) => id),
          answer: there.filter((token) => token.loss).map(({ id }) => id),
        };
      });
    };

    it("gives the ids and masks of the SFT rows", async () => {
      const tokenizer = await loadTokenizer(join(GOLDENS, "models", name));
      const path = join(GOLDENS, "rows", "sft.jsonl");
      const { examples } = await loadDataset({
        kind: "sft",
        path,
        format: "alpaca",
        template: "plain",
        tokenizer,
        maxLength: 512,
      });
      const mine = examples.map(({ promptIds, responseIds }) => ({
        prompt: [...promptIds],
        answer: [...responseIds],
      }));
      expect(mine).toEqual(golden("sft"));
      const scored = JSON.parse(readFileSync(join(GOLDENS, "expected", `${name}.fp64.json`), "utf8")).sft
        .scored_tokens;
      expect(packSft(examples, 1000).reduce((sum, row) => sum + row.targets.length, 0)).toBe(scored);
    });

    it("gives the ids and masks of the preference pairs", async () => {
      const tokenizer = await loadTokenizer(join(GOLDENS, "models", name));
      const path = join(GOLDENS, "rows", "dpo.jsonl");
      const { examples } = await loadDataset({
        kind: "dpo",
        path,
        format: "pairs",
        tokenizer,
        maxLength: 512,
      });
      const answers = (key: "chosenIds" | "rejectedIds") =>
        examples.map((example) => ({ prompt: [...example.promptIds], answer: [...example[key]] }));
      // The goldens hold all chosen answers first, then all rejected ones.
      expect([...answers("chosenIds"), ...answers("rejectedIds")]).toEqual(golden("dpo"));
    });
  },
);

describe("loadDataset", () => {
  it("puts special tokens in front of the prompt and the end token after the response", async () => {
    const data = await sft([{ prompt: "Hello", response: " there" }]);
    expect(data.examples).toEqual([
      {
        row: 0,
        promptIds: Int32Array.from([0, ...encode("Hello")]),
        responseIds: Int32Array.from([...encode(" there"), 1]),
        responseEnds: true,
      },
    ]);
  });

  it("gives the sha256 of the file and the largest id", async () => {
    const path = jsonl([{ prompt: "Hello", response: "zebra" }]);
    const data = await sft([], { path });
    expect(data.hash).toBe(createHash("sha256").update(readFileSync(path)).digest("hex"));
    expect(data.largestId).toBe(Math.max(...encode("Hello"), ...encode("zebra")));
    expect(largestId(data.examples)).toBe(data.largestId);
    expect(largestId([])).toBe(-1);
  });

  it("puts no second begin or end token where the text has its own", async () => {
    const data = await sft([{ prompt: "<|begin_of_text|>Hi", response: "Yes<|end_of_text|>" }]);
    expect([...(data.examples[0]?.promptIds ?? [])]).toEqual([0, ...encode("Hi")]);
    expect([...(data.examples[0]?.responseIds ?? [])]).toEqual([...encode("Yes"), 1]);
  });

  it("makes a text its own response", async () => {
    const path = temporary("x.txt", "Once.<|endoftext|>Twice.");
    const withBegin = await sft([], { path, format: "text" });
    expect(withBegin.examples.map(({ promptIds }) => [...promptIds])).toEqual([[0], [0]]);
    const without = await sft([], { path, format: "text", tokenizer: neox });
    const [first] = without.examples;
    expect(first?.promptIds).toHaveLength(0);
    const [row] = packSft(without.examples, 0);
    expect(row?.targets).toHaveLength((first?.responseIds.length ?? 0) - 1);
  });

  it("keeps row numbers of the file", async () => {
    const rows = [
      { prompt: "a", response: bytes(90) },
      { prompt: "a", response: "b" },
    ];
    const data = await sft(rows, { maxLength: 50, truncate: "drop" });
    expect(data.examples.map(({ row }) => row)).toEqual([1]);
  });

  it("tells progress", async () => {
    const seen: number[] = [];
    await sft([{ prompt: "a", response: "b" }], { onProgress: ({ rows }) => seen.push(rows) });
    expect(seen.at(-1)).toBe(1);
  });
});

describe("truncate", () => {
  // Prompt: begin token + 10; response: 20 + end token. 32 in all.
  const row = { prompt: `${bytes(9)}\u0002`, response: `${bytes(19)}\u0003` };
  const [mark, last] = [encode("\u0002")[0], encode("\u0003")[0]] as [number, number];

  it("leaves alone what fits exactly", async () => {
    for (const truncate of ["error", "drop", "prompt-left", "response-right"] as const) {
      const data = await sft([row], { maxLength: 32, truncate });
      expect(data.report).toMatchObject({ kept: 1, dropped: {}, cut: {} });
      expect(data.examples[0]).toMatchObject({ responseEnds: true });
    }
  });

  it("error names the row, its length and what would help", async () => {
    await expect(sft([{ prompt: "a", response: "b" }, row], { maxLength: 31 })).rejects.toThrow(
      /row 1 \(from 0; line 2\): 32 tokens \(prompt 11, response 21\), but maxLength is 31; raise maxLength, or set truncate to drop, prompt-left or response-right$/,
    );
  });

  it("drop counts the row", async () => {
    const data = await sft([row, { prompt: "a", response: "b" }], { maxLength: 31, truncate: "drop" });
    expect(data.report).toEqual({
      rows: 2,
      kept: 1,
      dropped: { "longer than maxLength": 1 },
      cut: {},
      firstRows: { "longer than maxLength": [0] },
    });
  });

  it("prompt-left keeps the begin token and the prompt's end", async () => {
    const data = await sft([row], { maxLength: 25, truncate: "prompt-left" });
    const [example] = data.examples;
    expect(example?.promptIds).toHaveLength(4);
    expect([example?.promptIds[0], example?.promptIds.at(-1)]).toEqual([0, mark]);
    expect(example?.responseIds.at(-1)).toBe(1);
    expect(data.report).toMatchObject({ cut: { "prompt-left": 1 }, firstRows: { "prompt-left": [0] } });
    const bare = await sft([row], { maxLength: 25, truncate: "prompt-left", tokenizer: neox });
    expect(bare.examples[0]?.promptIds).toHaveLength(4);
  });

  it("prompt-left keeps at least one token of the prompt, else drops", async () => {
    expect(
      (await sft([row], { maxLength: 23, truncate: "prompt-left" })).examples[0]?.promptIds,
    ).toHaveLength(2);
    const data = await sft([row, { prompt: "a", response: "b" }], { maxLength: 22, truncate: "prompt-left" });
    expect(data.report.dropped).toEqual({ "response leaves no room for a prompt": 1 });
  });

  it("response-right gives a cut response no end token", async () => {
    const data = await sft([row], { maxLength: 31, truncate: "response-right" });
    const [example] = data.examples;
    expect(example).toMatchObject({ responseEnds: false });
    expect(example?.responseIds).toHaveLength(20);
    expect(example?.responseIds.at(-1)).toBe(last);
    expect(data.report.cut).toEqual({ "response-right": 1 });
    const none = await sft([row, { prompt: "a", response: "b" }], {
      maxLength: 11,
      truncate: "response-right",
    });
    expect(none.report.dropped).toEqual({ "prompt leaves no room for a response": 1 });
  });

  const pair = { prompt: bytes(9), chosen: bytes(4), rejected: bytes(14) };

  it("a pair counts its longer answer", async () => {
    expect((await dpo([pair], { maxLength: 25 })).report.kept).toBe(1);
    await expect(dpo([pair], { maxLength: 24 })).rejects.toThrow("25 tokens (prompt 10, response 15)");
    const left = await dpo([pair], { maxLength: 20, truncate: "prompt-left" });
    const lengths = ({ promptIds, chosenIds, rejectedIds }: PairExample) => [
      promptIds.length,
      chosenIds.length,
      rejectedIds.length,
    ];
    expect(left.examples.map(lengths)).toEqual([[5, 5, 15]]);
    const right = await dpo([pair], { maxLength: 20, truncate: "response-right" });
    expect(right.examples.map(lengths)).toEqual([[10, 5, 10]]);
    expect([right.examples[0]?.chosenIds.at(-1), right.examples[0]?.rejectedIds.at(-1)]).toEqual([
      1,
      encode(bytes(1))[0],
    ]);
  });

  it("answers that are the same once cut are identical", async () => {
    const rows = [
      { prompt: "a", chosen: bytes(9), rejected: bytes(12) },
      { prompt: "a", chosen: "b", rejected: "c" },
    ];
    const data = await dpo(rows, { maxLength: 8, truncate: "response-right" });
    expect(data.report).toMatchObject({ kept: 1, dropped: { "chosen = rejected once cut": 1 }, cut: {} });
  });
});

describe("rows that cannot be used", () => {
  it("an empty response is an error that names the row", async () => {
    await expect(
      sft([
        { prompt: "a", response: "b" },
        { prompt: "a", response: " \n" },
      ]),
    ).rejects.toThrow(/row 1 \(from 0; line 2\): the response text is empty/);
    await expect(dpo([{ prompt: "a", chosen: "b", rejected: "" }])).rejects.toThrow(
      "the rejected text is empty",
    );
    await expect(sft([{ prompt: "a", response: "" }], { template: "clean" })).rejects.toThrow(
      "the response text is empty",
    );
    await expect(sft([{ prompt: "a", response: "\n" }], { template: "paper" })).rejects.toThrow(
      "the response text is empty",
    );
  });

  it("hh data drops and counts empty answers and differing prompts", async () => {
    const turn = "\n\nHuman: a\n\nAssistant:";
    const data = await dpo(
      [
        { chosen: `${turn} b`, rejected: `${turn} c` },
        { chosen: `${turn} b`, rejected: `${turn} ` },
        { chosen: `${turn} b`, rejected: `\n\nHuman: x\n\nAssistant: y` },
      ],
      { format: "hh" },
    );
    expect(data.report).toEqual({
      rows: 3,
      kept: 1,
      dropped: { "empty response": 1, "prompts differ": 1 },
      cut: {},
      firstRows: { "empty response": [1], "prompts differ": [2] },
    });
  });

  it("identical pairs are dropped, kept or refused", async () => {
    const rows = [
      { prompt: "a", chosen: "b", rejected: "b" },
      { prompt: "a", chosen: "b", rejected: "c" },
    ];
    expect((await dpo(rows)).report).toMatchObject({ kept: 1, dropped: { "chosen = rejected": 1 } });
    expect((await dpo(rows, { identicalPairs: "keep" })).report).toMatchObject({ kept: 2, dropped: {} });
    await expect(dpo(rows, { identicalPairs: "error" })).rejects.toThrow(
      /row 0 .*chosen = rejected; set identicalPairs/,
    );
  });

  it("lists the first rows of a reason only", async () => {
    const same = { prompt: "a", chosen: "b", rejected: "b" };
    const data = await dpo([...new Array(9).fill(same), { ...same, chosen: "c" }]);
    expect(data.report.firstRows).toEqual({ "chosen = rejected": [0, 1, 2, 3, 4] });
  });

  it("no row left is an error that says why", async () => {
    await expect(dpo([{ prompt: "a", chosen: "b", rejected: "b" }])).rejects.toThrow(
      /none of the 1 rows is left \(chosen = rejected: 1\)$/,
    );
  });

  it("a format of the other kind is refused with those that fit", async () => {
    await expect(sft([{}], { format: "pairs" })).rejects.toThrow(
      "format alpaca, prompt-response, messages, text; not pairs",
    );
    await expect(dpo([{}], { format: "alpaca" })).rejects.toThrow("format pairs, hh; not alpaca");
  });

  it("a senseless maxLength is refused", async () => {
    await expect(sft([{ prompt: "a", response: "b" }], { maxLength: 1 })).rejects.toThrow("maxLength");
  });
});

describe("boundary joint", () => {
  it("tokenises one text and gives a token across the seam to the response", async () => {
    const text = encode("the");
    expect(text).toHaveLength(1); // one token, so cutting inside it makes it straddle
    const { examples } = await sft([{ prompt: "th", response: "e cat" }], { boundary: "joint" });
    expect([...(examples[0]?.promptIds ?? [])]).toEqual([0]);
    expect([...(examples[0]?.responseIds ?? [])]).toEqual([...encode("the cat"), 1]);
  });

  it("equals separate where no token reaches across", async () => {
    const rows = [{ prompt: "Hello", response: " there, you" }];
    expect((await sft(rows, { boundary: "joint" })).examples).toEqual((await sft(rows)).examples);
  });

  it("of a pair takes as prompt what both texts share", async () => {
    const { examples } = await dpo([{ prompt: "a th", chosen: "e", rejected: "?" }], { boundary: "joint" });
    const [example] = examples as [PairExample];
    const joined = (ids: Int32Array) => llama.decode([...example.promptIds, ...ids]);
    expect(joined(example.chosenIds)).toBe("<|begin_of_text|>a the<|end_of_text|>");
    expect(joined(example.rejectedIds)).toBe("<|begin_of_text|>a th?<|end_of_text|>");
    expect([...example.promptIds, ...example.chosenIds]).toEqual([0, ...encode("a the"), 1]);
    expect([...example.promptIds, ...example.rejectedIds]).toEqual([0, ...encode("a th?"), 1]);
  });
});

describe("real data", () => {
  const storiesModel = realData("weights/stories260K/hf");
  const stories = realData("text/tinystories_sample.txt");
  it.skipIf(storiesModel === null || stories === null)(
    "60 stories of at most 512 tokens have 20,424 tokens after the first",
    async () => {
      const tokenizer = await loadTokenizer(storiesModel as string);
      const data = await loadDataset({
        kind: "sft",
        path: stories as string,
        format: "text",
        tokenizer,
        maxLength: 512,
        truncate: "response-right",
      });
      const sixty = data.examples.slice(0, 60);
      const ends = sixty.filter(({ responseEnds }) => responseEnds).length;
      expect(sixty.reduce((sum, { responseIds }) => sum + responseIds.length, 0) - ends).toBe(20_424);
      expect(data.report.rows).toBe(2316);
    },
  );

  const tokenizerDirectory = realData("tokenizers/gpt-neox-20b");
  const helpful = realData("hh_rlhf/helpful.train.jsonl");
  it.skipIf(tokenizerDirectory === null || helpful === null)(
    "4,000 helpful pairs, with the quirks that are known of them",
    async () => {
      const tokenizer = await loadTokenizer(tokenizerDirectory as string);
      const data = await loadDataset({
        kind: "dpo",
        path: helpful as string,
        format: "hh",
        tokenizer,
        maxLength: 512,
        truncate: "drop",
      });
      expect(data.report).toMatchObject({ rows: 4000, dropped: { "chosen = rejected": 27 } });
      expect(data.report.kept + Object.values(data.report.dropped).reduce((a, b) => a + b)).toBe(4000);
      for (const row of packPairs(data.examples, 2048, { sharedPrompt: true }))
        expect(row.tokens).toBeLessThanOrEqual(2048);
    },
    60_000,
  );

  const alpaca = realData("alpaca_gpt4/alpaca_gpt4.jsonl");
  it.skipIf(tokenizerDirectory === null || alpaca === null)(
    "4,362 alpaca rows",
    async () => {
      const tokenizer = await loadTokenizer(tokenizerDirectory as string);
      const data = await loadDataset({
        kind: "sft",
        path: alpaca as string,
        format: "alpaca",
        tokenizer,
        maxLength: 2048,
      });
      expect(data.report).toMatchObject({ rows: 4362, kept: 4362, dropped: {}, cut: {} });
    },
    60_000,
  );
});
