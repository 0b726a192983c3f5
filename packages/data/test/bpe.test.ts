/** Byte-pair encoding over ids against the library's own, and the parts that other threads make a tokenizer from. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as library from "@huggingface/tokenizers";
import { counterRandom, loadTokenizer } from "@outright/data";
import { describe, expect, it } from "vitest";
import { bpeTables, mergeByHeap, mergeByScan } from "../dist/bpe.js";
import { tokenizerFromParts, tokenizerParts } from "../dist/tokenizer.js";
import { GOLDENS, realData } from "./fixtures.js";

interface PlainLibrary {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}

function plainLibrary(directory: string): PlainLibrary {
  const { Tokenizer } = library as unknown as {
    Tokenizer: new (json: object, config: object) => PlainLibrary;
  };
  return new Tokenizer(JSON.parse(readFileSync(join(directory, "tokenizer.json"), "utf8")), {});
}

const uniform = counterRandom(3, "bpe");
let drawn = 0;
const below = (limit: number) => Math.floor(uniform(drawn++) * limit);
const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

/** Words, long words without a space, many scripts, control characters, added tokens, halves of characters. */
function randomText(): string {
  const pieces = [
    () => pick(["the ", " and", "ing", "Once upon a time", "don't ", "  ", "\n\n", "\t", "123456", "!?…"]),
    () =>
      pick([
        "é",
        "e\u0301",
        "ñ",
        "中文字",
        "日本語の",
        "Привет",
        "مرحبا",
        "👩‍👩‍👧",
        "\u0000",
        "\u00a0",
        "▁",
        "ﬁ",
      ]),
    () => pick(["<|endoftext|>", "<|padding|>", "</s>", "<s>", "<0x41>", "<|end_of_text|>"]),
    () => Array.from({ length: 1 + below(120) }, () => pick(["a", "b", "th", "e", "r"])).join(""),
    () => "=".repeat(1 + below(300)),
    () => String.fromCharCode(1 + below(0xd7ff)),
    () => (below(20) === 0 ? "\ud83d" : "x"),
  ];
  return Array.from({ length: 1 + below(30) }, () => pick(pieces)()).join("");
}

const directories = [
  ...["llama-nano", "neox-nano"].map((name) => join(GOLDENS, "models", name)),
  ...["tokenizers/gpt-neox-20b", "tokenizers/tinyllama-1.1b-chat"].map(realData),
].filter((directory) => directory !== null);

describe.each(directories)("%s", (directory) => {
  it("gives the library's ids on random texts, as a whole and from its parts", {
    timeout: 120_000,
  }, async () => {
    const tokenizer = await loadTokenizer(directory);
    const plain = plainLibrary(directory);
    const parts = tokenizerParts(tokenizer);
    expect(parts).not.toBeNull();
    const other = tokenizerFromParts(structuredClone(parts as NonNullable<typeof parts>));
    expect([other.eosId, other.bosId, other.prefixIds, other.hash, other.vocabSize]).toEqual([
      ...[tokenizer.eosId, tokenizer.bosId, tokenizer.prefixIds, tokenizer.hash, tokenizer.vocabSize],
    ]);
    expect(other.token(other.eosId)).toBe(tokenizer.token(tokenizer.eosId));
    for (let i = 0; i < 300; i++) {
      const text = randomText();
      const { ids } = plain.encode(text, { add_special_tokens: false });
      expect(tokenizer.encode(text, { specialTokens: false }), JSON.stringify(text)).toEqual(ids);
      expect(other.encode(text, { specialTokens: false }), JSON.stringify(text)).toEqual(ids);
    }
  });
});

describe("merging", () => {
  /** A vocabulary of 4 letters and 200 random merges, each of two tokens that were there before. */
  function randomModel() {
    const tokens = ["a", "b", "c", "d"];
    const merges: [string, string][] = [];
    while (merges.length < 200) {
      const [left, right] = [pick(tokens), pick(tokens)];
      if (left.length + right.length > 12) continue;
      merges.push([left, right]);
      if (!tokens.includes(left + right)) tokens.push(left + right);
    }
    const bytes = Array.from(
      { length: 256 },
      (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`,
    );
    const ids = new Map([...tokens, ...bytes].map((token, id) => [token, id]));
    return { ids, tables: bpeTables({ type: "BPE", merges, byte_fallback: true }, ids, false) };
  }

  it("through a heap equals looking at every pair, on words of any length", () => {
    for (let round = 0; round < 20; round++) {
      const { tables } = randomModel();
      if (tables === null) throw new Error("a plain model has tables");
      for (let i = 0; i < 50; i++) {
        const symbols = Array.from({ length: below(80) }, () => (below(30) === 0 ? -2 : below(4)));
        expect(mergeByHeap(symbols, tables.merges)).toEqual(mergeByScan(symbols, tables.merges));
      }
    }
  });

  it("leaves to the library what it cannot do exactly", () => {
    const { ids } = randomModel();
    const model = { type: "BPE", merges: ["a b"], byte_fallback: true };
    expect(bpeTables({ ...model, type: "Unigram" }, ids, false)).toBeNull();
    expect(bpeTables({ ...model, byte_fallback: false }, ids, false)).toBeNull();
    expect(bpeTables({ ...model, end_of_word_suffix: "</w>" }, ids, false)).toBeNull();
    expect(bpeTables({ ...model, merges: ["a nowhere"] }, ids, false)).toBeNull();
    ids.delete("<0x41>");
    expect(bpeTables(model, ids, false)).toBeNull();
    ids.set("<0x41>", 999).delete("<0xFF>"); // no text has this byte
    expect(bpeTables({ ...model, merges: [] }, ids, false)).not.toBeNull();
  });

  it("takes no time that grows with the square of a word", () => {
    const { tables } = randomModel();
    const symbols = Array.from({ length: 200_000 }, () => below(4));
    // the square would be 10 000 s
    expect(mergeByHeap(symbols, (tables as NonNullable<typeof tables>).merges).length).toBeGreaterThan(1000);
  });
});
