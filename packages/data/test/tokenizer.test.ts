import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as library from "@huggingface/tokenizers";
import { loadTokenizer, type Tokenizer } from "@outright/data";
import { describe, expect, it } from "vitest";
import { GOLDENS, realData, temporary, temporaryFolder } from "./fixtures.js";

interface PlainLibrary {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}

/** The library without our word cache: its oracle. */
function plainLibrary(directory: string): PlainLibrary {
  const json = JSON.parse(readFileSync(join(directory, "tokenizer.json"), "utf8"));
  const { Tokenizer } = library as unknown as {
    Tokenizer: new (json: object, config: object) => PlainLibrary;
  };
  return new Tokenizer(json, {});
}

function lines<T>(path: string): T[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

/** A copy of a golden tokenizer whose files may be changed. */
function copied(
  name: string,
  change: (files: Record<string, Record<string, unknown> | null>) => void,
): string {
  const directory = temporaryFolder();
  const files: Record<string, Record<string, unknown> | null> = {};
  for (const file of ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json"]) {
    files[file] = JSON.parse(readFileSync(join(GOLDENS, "models", name, file), "utf8"));
  }
  change(files);
  for (const [file, value] of Object.entries(files)) {
    if (value !== null) writeFileSync(join(directory, file), JSON.stringify(value));
  }
  return directory;
}

describe.each(["llama-nano", "neox-nano"])("tokenizer of %s", (name) => {
  const directory = join(GOLDENS, "models", name);
  const texts = lines<{ text: string; ids: number[]; decoded: string }>(
    join(GOLDENS, "expected", `${name}.tok.jsonl`),
  );

  it("gives the ids and the decoding of the Rust library on every text", async () => {
    const tokenizer = await loadTokenizer(directory);
    expect(texts.length).toBeGreaterThan(200);
    for (const { text, ids, decoded } of texts) {
      expect(tokenizer.encode(text, { specialTokens: true })).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(decoded);
    }
  });

  it("gives the same ids with words remembered and without", async () => {
    const tokenizer = await loadTokenizer(directory);
    const plain = plainLibrary(directory);
    for (let pass = 0; pass < 2; pass++) {
      for (const { text } of texts) {
        expect(tokenizer.encode(text, { specialTokens: false })).toEqual(
          plain.encode(text, { add_special_tokens: false }).ids,
        );
      }
    }
  });

  it("finds the seam of a joint text by bytes, at every place of every text", async () => {
    const tokenizer = await loadTokenizer(directory);
    let straddling = 0;
    for (const { text } of texts.slice(0, 60)) {
      for (let at = 0; at <= text.length; at++) {
        // Not inside a character, nor where composition would join the two sides.
        const [before, after] = [text.slice(0, at), text.slice(at)];
        if (/[\ud800-\udbff]$/.test(before)) continue;
        const composed =
          name === "neox-nano" ? (part: string) => part.normalize("NFC") : (part: string) => part;
        if (composed(before) + composed(after) !== composed(text)) {
          expect(() => tokenizer.encodeJoint(before, after)).toThrow("use boundary separate");
          continue;
        }
        const { ids, promptTokens } = tokenizer.encodeJoint(before, after);
        expect(ids).toEqual(tokenizer.encode(text, { specialTokens: false }));
        // The prompt's tokens spell a beginning of the prompt, and one token more would pass its end.
        const spelled = (count: number) =>
          Buffer.byteLength(decodeBytes(tokenizer, ids.slice(0, count)), "latin1");
        const seam = Buffer.byteLength(composed(before));
        expect(spelled(promptTokens)).toBeLessThanOrEqual(seam);
        if (promptTokens < ids.length) expect(spelled(promptTokens + 1)).toBeGreaterThan(seam);
        if (spelled(promptTokens) < seam) straddling++;
      }
    }
    expect(straddling).toBeGreaterThan(10);
  });
});

/** Bytes of byte-level tokens as a Latin-1 text, through GPT-2's own table written the long way. */
function decodeBytes(tokenizer: Tokenizer, ids: number[]): string {
  const printable = [...range(33, 126), ...range(161, 172), ...range(174, 255)];
  const table = new Map(printable.map((byte) => [byte, byte]));
  let next = 256;
  for (const byte of range(0, 255)) if (!printable.includes(byte)) table.set(next++, byte);
  return ids
    .map((id) => {
      const token = tokenizer.token(id) as string;
      return /^<\|.*\|>$/.test(token)
        ? token
        : [...token].map((c) => String.fromCharCode(table.get(c.charCodeAt(0)) as number)).join("");
    })
    .join("");
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

describe("loadTokenizer", () => {
  const llama = join(GOLDENS, "models", "llama-nano");

  it("knows vocabulary, special tokens and what stands in front", async () => {
    const tokenizer = await loadTokenizer(llama);
    expect(tokenizer).toMatchObject({
      vocabSize: 512,
      bosId: 0,
      eosId: 1,
      prefixIds: [0],
      hasChatTemplate: false,
    });
    const neox = await loadTokenizer(join(GOLDENS, "models", "neox-nano"));
    expect(neox).toMatchObject({ vocabSize: 512, eosId: 0, prefixIds: [] });
    expect(neox.hash).not.toBe(tokenizer.hash);
    expect((await loadTokenizer(llama)).hash).toBe(tokenizer.hash);
  });

  it("decodes nothing, ids beyond the vocabulary and special tokens", async () => {
    const tokenizer = await loadTokenizer(llama);
    const ids = tokenizer.encode("Hello there", { specialTokens: true });
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.decode([9999])).toBe("");
    expect(tokenizer.decode(Int32Array.from([...ids, 1]))).toBe(
      "<|begin_of_text|>Hello there<|end_of_text|>",
    );
    expect(tokenizer.decode([...ids, 1], { skipSpecialTokens: true })).toBe("Hello there");
    expect(tokenizer.decode([0, 1], { skipSpecialTokens: true })).toBe("");
  });

  it("recognises special tokens written in a text", async () => {
    const tokenizer = await loadTokenizer(llama);
    expect(tokenizer.encode("<|end_of_text|>", { specialTokens: false })).toEqual([1]);
  });

  it("never adds a post-processor's trailing token", async () => {
    const directory = copied("llama-nano", (files) => {
      const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
      (files["tokenizer.json"] as Record<string, unknown>)["post_processor"] = {
        type: "TemplateProcessing",
        single: [
          special("<|begin_of_text|>"),
          { Sequence: { id: "A", type_id: 0 } },
          special("<|end_of_text|>"),
        ],
        pair: [],
        special_tokens: {},
      };
    });
    const tokenizer = await loadTokenizer(directory);
    const bare = tokenizer.encode("a b", { specialTokens: false });
    expect(tokenizer.encode("a b", { specialTokens: true })).toEqual([0, ...bare]);
    expect(plainLibrary(directory).encode("a b", { add_special_tokens: true }).ids).toEqual([0, ...bare, 1]);
  });

  it("follows add_bos_token as transformers does", async () => {
    const config = (value: boolean) => (files: Record<string, Record<string, unknown> | null>) => {
      (files["tokenizer_config.json"] as Record<string, unknown>)["add_bos_token"] = value;
    };
    expect((await loadTokenizer(copied("llama-nano", config(false)))).prefixIds).toEqual([]);
    expect((await loadTokenizer(copied("neox-nano", config(true)))).prefixIds).toEqual([0]);
  });

  it("finds the end token in special_tokens_map.json, config.json or by its well-known name", async () => {
    const steps = ["tokenizer_config.json", "special_tokens_map.json"];
    for (let removed = 1; removed <= steps.length; removed++) {
      const directory = copied("llama-nano", (files) => {
        for (const file of steps.slice(0, removed)) files[file] = null;
      });
      expect(await loadTokenizer(directory)).toMatchObject({ eosId: 1, bosId: 0 });
    }
    const alone = copied("neox-nano", (files) => {
      for (const file of [...steps, "config.json"]) files[file] = null;
    });
    expect(await loadTokenizer(alone)).toMatchObject({ eosId: 0, bosId: null });
  });

  it("says in one line what is wrong", async () => {
    const message = async (directory: string) => {
      const error = await loadTokenizer(directory).then(
        () => new Error("nothing thrown"),
        (thrown: Error) => thrown,
      );
      expect(error.message).not.toContain("\n");
      return error.message;
    };
    expect(await message(dirname(temporary("vocab.json", "{}")))).toContain("only tokenizer.json is read");
    expect(await message("no/such/place")).toBe("no/such/place: there is no such model directory");
    expect(await message(dirname(temporary("tokenizer.json", "{")))).toContain(
      "tokenizer.json: is not valid JSON",
    );
    expect(await message(dirname(temporary("tokenizer.json", "{}")))).toContain('has no "model"');
    expect(await message(dirname(temporary("tokenizer.json", '{"model":{"type":"X"}}')))).toContain(
      "cannot be used",
    );
    const strange = copied("llama-nano", (files) => {
      (files["tokenizer_config.json"] as Record<string, unknown>)["eos_token"] = "<nowhere>";
    });
    expect(await message(strange)).toContain('eos_token "<nowhere>" is not in the vocabulary');
    const none = copied("llama-nano", (files) => {
      files["tokenizer_config.json"] = null;
      files["special_tokens_map.json"] = null;
      files["config.json"] = null;
      const json = files["tokenizer.json"] as { added_tokens: unknown[] };
      json.added_tokens = [];
    });
    expect(await message(none)).toContain("no end-of-text token");
  });
});

describe("SentencePiece-like tokenizers", () => {
  /** Words of a and b with `▁`, bytes as a fallback, as Llama 2's tokenizer.json has it. */
  function spaced(): string {
    const pieces = ["<unk>", "<s>", "</s>"];
    for (let byte = 0; byte < 256; byte++)
      pieces.push(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
    const merges = [
      ["▁", "a"],
      ["a", "b"],
      ["▁a", "b"],
      ["b", "b"],
    ];
    pieces.push("▁", "a", "b", ...merges.map((pair) => pair.join("")));
    const token = (id: number) => ({ id, content: pieces[id], special: true, normalized: false });
    return JSON.stringify({
      added_tokens: [token(0), token(1), token(2)],
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: "▁" },
          { type: "Replace", pattern: { String: " " }, content: "▁" },
        ],
      },
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      model: {
        type: "BPE",
        unk_token: "<unk>",
        fuse_unk: true,
        byte_fallback: true,
        vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
        merges,
      },
    });
  }

  const texts = ["a", "ab ab", "  ab  bb ", "aé 😀b", "", " ", "</s>ab</s> b", "x\ny", "bbbbb abab", "▁a"];

  it("gives the same ids with words remembered and without", async () => {
    const directory = dirname(temporary("tokenizer.json", spaced()));
    const tokenizer = await loadTokenizer(directory);
    const plain = plainLibrary(directory);
    for (const text of [...texts, ...texts.map((text) => text + text)]) {
      expect(tokenizer.encode(text, { specialTokens: false })).toEqual(
        plain.encode(text, { add_special_tokens: false }).ids,
      );
    }
  });

  it("does not count the space that it puts in front, nor after a special token", async () => {
    const tokenizer = await loadTokenizer(dirname(temporary("tokenizer.json", spaced())));
    const shown = (prompt: string, response: string) => {
      const { ids, promptTokens } = tokenizer.encodeJoint(prompt, response);
      const tokens = ids.map((id) => tokenizer.token(id));
      return [tokens.slice(0, promptTokens).join("|"), tokens.slice(promptTokens).join("|")];
    };
    expect(shown("ab", " ab")).toEqual(["▁ab", "▁ab"]);
    expect(shown("a", "b b")).toEqual(["", "▁ab|▁|b"]);
    expect(shown("a</s>", "b")).toEqual(["▁a|</s>|▁", "b"]);
    expect(shown("x\n", "y")).toEqual(["▁|<0x78>|<0x0A>", "<0x79>"]);
    expect(shown("a ", "é")).toEqual(["▁a|▁", "<0xC3>|<0xA9>"]);
  });

  it("says so where unknown characters hide the seam", async () => {
    const json = JSON.parse(spaced());
    json.model.byte_fallback = false;
    const directory = dirname(temporary("tokenizer.json", JSON.stringify(json)));
    const tokenizer = await loadTokenizer(directory);
    expect(() => tokenizer.encodeJoint("é", "b")).toThrow("use boundary separate");
    expect(tokenizer.encode("éé b", { specialTokens: false })).toEqual(
      plainLibrary(directory).encode("éé b", { add_special_tokens: false }).ids,
    );
  });
});

describe("chat templates", () => {
  const withTemplate = (template: unknown) =>
    loadTokenizer(
      copied("llama-nano", (files) => {
        (files["tokenizer_config.json"] as Record<string, unknown>)["chat_template"] = template;
      }),
    );
  const turns = [{ role: "user", content: "Hi" }];

  it("renders by tokenizer_config.json, with the special tokens at hand", async () => {
    const tokenizer = await withTemplate(
      "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
    );
    expect(tokenizer.hasChatTemplate).toBe(true);
    expect(tokenizer.chat(turns)).toBe("<|begin_of_text|>[user]Hi<|end_of_text|>");
    expect(tokenizer.chat(turns, { addGenerationPrompt: true })).toBe(
      "<|begin_of_text|>[user]Hi<|end_of_text|>[assistant]",
    );
  });

  it("takes the default of several templates", async () => {
    const tokenizer = await withTemplate([
      { name: "tool_use", template: "tools" },
      { name: "default", template: "{{ messages[0].content }}" },
    ]);
    expect(tokenizer.chat(turns)).toBe("Hi");
  });

  it("reports a refusal, a broken template and none in one line", async () => {
    const refusing = await withTemplate("{{ raise_exception('Only\\nanswers') }}");
    expect(() => refusing.chat(turns)).toThrow(/refuses the messages: Only answers/);
    await expect(withTemplate("{% if %}")).rejects.toThrow(/chat template is not valid/);
    const none = await loadTokenizer(join(GOLDENS, "models", "llama-nano"));
    expect(() => none.chat(turns)).toThrow("has no chat template");
  });
});

describe("real tokenizers", () => {
  const helloWorld: [string, number[], number][] = [
    ["tokenizers/gpt-neox-20b", [12092, 1533], 50277],
    ["tokenizers/tinyllama-1.1b-chat", [1, 15043, 3186], 32000],
  ];
  for (const [path, ids, vocabSize] of helloWorld) {
    const directory = realData(path);
    it.skipIf(directory === null)(`${path} gives its known ids`, async () => {
      const tokenizer = await loadTokenizer(directory as string);
      expect(tokenizer.encode("Hello world", { specialTokens: true })).toEqual(ids);
      expect(tokenizer.vocabSize).toBe(vocabSize);
    });

    const stories = realData("hh_rlhf/helpful.test.jsonl");
    it.skipIf(directory === null || stories === null)(
      `${path} with words remembered equals the library alone`,
      async () => {
        const tokenizer = await loadTokenizer(directory as string);
        const plain = plainLibrary(directory as string);
        for (const { chosen } of lines<{ chosen: string }>(stories as string).slice(0, 100)) {
          expect(tokenizer.encode(chosen, { specialTokens: false })).toEqual(
            plain.encode(chosen, { add_special_tokens: false }).ids,
          );
        }
      },
      60_000,
    );
  }

  const chat = realData("tokenizers/tinyllama-1.1b-chat");
  it.skipIf(chat === null)("TinyLlama renders a conversation", async () => {
    const tokenizer = await loadTokenizer(chat as string);
    const text = tokenizer.chat(
      [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
      { addGenerationPrompt: true },
    );
    expect(text).toBe("<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\n");
  });
});
