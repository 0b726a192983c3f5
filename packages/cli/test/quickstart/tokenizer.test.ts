import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadTokenizer } from "@outright/data";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  BASE_SHAPE,
  baseConfig,
  countParameters,
  writeBaseDirectory,
} from "../../src/blank-model/blank-model.js";
import {
  BOS,
  byteAlphabet,
  EOS,
  tokenizerJson,
  trainTokenizer,
} from "../../src/blank-model/tokenizer-maker.js";
import { makeWorld } from "../../src/quickstart/world.js";
import { allTexts } from "../../src/quickstart/world-files.js";

/** GPT-2's pre-tokenizer. */
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

const world = makeWorld();
const texts = allTexts(world);
const trained = trainTokenizer(texts, 512);
let folder: string;
let directory: string;
let tokenizer: Awaited<ReturnType<typeof loadTokenizer>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "outright-quickstart-"));
  directory = join(folder, "blank");
  await writeBaseDirectory(directory, trained);
  tokenizer = await loadTokenizer(directory);
});
afterAll(() => rm(folder, { recursive: true }));

describe("trainTokenizer", () => {
  it("gives the vocabulary asked for, specials and bytes first, the same every time", () => {
    expect(trained.vocabulary.size).toBe(512);
    expect([...trained.vocabulary.values()]).toEqual(Array.from({ length: 512 }, (_, i) => i));
    expect([...trained.vocabulary.keys()].slice(0, 2)).toEqual([BOS, EOS]);
    expect(trainTokenizer(texts, 512).merges).toEqual(trained.merges);
  });

  it("merges the most frequent pair first, ties by lower ids", () => {
    // pieces "aab", "aab", " aab": ab 3 times, aa 3 times, " a" once. Bytes: a < b, so (a,a) < (a,b).
    expect(trainTokenizer(["aab", "aab aab"], 260).merges).toEqual([
      ["a", "a"],
      ["aa", "b"],
    ]);
    // nothing occurs twice: no merge is worth a token
    expect(trainTokenizer(["xyz"], 300).merges).toEqual([]);
    expect(() => trainTokenizer(["x"], 100)).toThrow("at least 258");
  });

  it("counts as it would by looking at all texts before each merge", () => {
    const words = texts.flatMap((text) =>
      [...text.matchAll(PIECES)].map(([piece]) => [...Buffer.from(piece)].map((byte) => byte + 2)),
    );
    const tokens = [BOS, EOS, ...byteAlphabet()];
    const merges: [string, string][] = [];
    while (merges.length < 100) {
      const counts = new Map<number, number>();
      for (const ids of words)
        for (let i = 0; i + 1 < ids.length; i++) {
          const key = (ids[i] as number) * 1000 + (ids[i + 1] as number);
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
      const [best] = [...counts].reduce((a, b) => (b[1] > a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a));
      const [left, right] = [Math.floor(best / 1000), best % 1000];
      const parts: [string, string] = [tokens[left] as string, tokens[right] as string];
      merges.push(parts);
      for (const ids of words)
        for (let i = 0; i + 1 < ids.length; i++)
          if (ids[i] === left && ids[i + 1] === right) ids.splice(i, 2, tokens.length);
      tokens.push(parts.join(""));
    }
    expect(trained.merges.slice(0, 100)).toEqual(merges);
  });

  it("has a character for each byte", () => {
    expect(new Set(byteAlphabet()).size).toBe(256);
    expect(byteAlphabet()[32]).toBe("Ġ");
    expect(byteAlphabet()[10]).toBe("Ċ");
  });
});

describe("the files, read by the data package", () => {
  it("round-trip every text of the world, and any other", () => {
    for (const text of [...texts.slice(0, 400), "naïve 😀 — tabs\tand\n\n  spaces  ", "Zürich's 1234567"]) {
      expect(tokenizer.decode(tokenizer.encode(text, { specialTokens: false }))).toBe(text);
    }
  });

  it("know BOS and EOS, and put BOS in front", () => {
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.vocabSize]).toEqual([0, 1, 512]);
    expect(tokenizer.prefixIds).toEqual([0]);
    expect(tokenizer.encode("hello", { specialTokens: true })[0]).toBe(0);
    expect(tokenizer.encode("a</s>", { specialTokens: false }).at(-1)).toBe(1);
  });

  it("keep the world's rows short: words are one or two tokens", () => {
    const lengths = world.sft.train.map(
      (row) =>
        tokenizer.encode(`User: ${row.prompt}\nAssistant: ${row.response}`, { specialTokens: true }).length,
    );
    expect(Math.max(...lengths)).toBeLessThan(40);
    expect(lengths.reduce((a, b) => a + b, 0) / lengths.length).toBeLessThan(22);
  });

  it("cut prompt and response at the same place, apart or as one text", () => {
    const apart = (a: string, b: string) => [
      ...tokenizer.encode(a, { specialTokens: true }),
      ...tokenizer.encode(b, { specialTokens: false }),
    ];
    for (const row of world.sft.train.slice(0, 200)) {
      const prompt = `User: ${row.prompt}\nAssistant:`;
      expect(apart(prompt, ` ${row.response}`)).toEqual(
        tokenizer.encode(`${prompt} ${row.response}`, { specialTokens: true }),
      );
    }
  });

  it("are plain Hugging Face files", async () => {
    const json = tokenizerJson(trained) as { model: { type: string; vocab: object; merges: unknown[] } };
    expect(JSON.parse(await readFile(join(directory, "tokenizer.json"), "utf8"))).toEqual(json);
    expect(json.model.type).toBe("BPE");
    expect(json.model.merges.length).toBe(512 - 258);
    expect(JSON.parse(await readFile(join(directory, "tokenizer_config.json"), "utf8"))).toMatchObject({
      bos_token: BOS,
      eos_token: EOS,
    });
  });
});

describe("the base model's config", () => {
  it("is a small Llama whose ids fit the tokenizer", () => {
    const config = baseConfig(trained);
    expect(config).toMatchObject({
      architectures: ["LlamaForCausalLM"],
      vocab_size: 512,
      bos_token_id: 0,
      eos_token_id: 1,
    });
    const parameters = countParameters(512, BASE_SHAPE);
    expect(parameters).toBeGreaterThan(400_000);
    expect(parameters).toBeLessThan(1_000_000);
  });
});
