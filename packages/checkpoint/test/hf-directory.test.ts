import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  hashModelDirectory,
  openModelDirectory,
  saveModelDirectory,
  type TensorSource,
  writeSafetensors,
} from "@outright/checkpoint";
import { describe, expect, it } from "vitest";
import { errorOf, temporaryDirectory } from "./temporary.js";

const GOLDENS = join(import.meta.dirname, "../../../test/goldens/models");
const dir = temporaryDirectory();

/** A fresh copy of a golden model to spoil. */
function copyOf(model: string): string {
  const copy = join(dir, "copy");
  rmSync(copy, { recursive: true, force: true });
  cpSync(join(GOLDENS, model), copy, { recursive: true });
  return copy;
}

/** All tensors of a model, as they are. */
function tensorsOf(source: string): {
  config: Record<string, unknown>;
  tensors: TensorSource[];
  close(): void;
} {
  const { config, weights } = openModelDirectory(source);
  if (weights === null) throw new Error(`${source} has no weights`);
  const tensors = weights.names().map((name) => {
    const { dtype, shape } = weights.info(name);
    return { name, dtype, shape, data: () => weights.readRaw(name) };
  });
  return { config, tensors, close: () => weights.close() };
}

function fingerprint(source: string): Record<string, string> {
  const { tensors, close } = tensorsOf(source);
  const entries = tensors.map(({ name, dtype, shape, data }) => [
    name,
    `${dtype} ${shape} ${Buffer.from(data() as Uint8Array).toString("base64")}`,
  ]);
  close();
  return Object.fromEntries(entries);
}

describe("golden models", () => {
  const expected: Record<string, { type: string; embedding: string; dtype: string; tensors: number }> = {
    "llama-nano": { type: "llama", embedding: "model.embed_tokens.weight", dtype: "F32", tensors: 21 },
    "llama-nano-tied": { type: "llama", embedding: "model.embed_tokens.weight", dtype: "F32", tensors: 20 },
    "neox-nano": { type: "gpt_neox", embedding: "gpt_neox.embed_in.weight", dtype: "F32", tensors: 28 },
    "neox-nano-sequential-bf16": {
      type: "gpt_neox",
      embedding: "gpt_neox.embed_in.weight",
      dtype: "BF16",
      tensors: 28,
    },
  };
  for (const [model, { type, embedding, dtype, tensors }] of Object.entries(expected)) {
    it(`${model} opens with the right names, shapes and finite numbers`, () => {
      const { config, weights } = openModelDirectory(join(GOLDENS, model));
      expect(config.model_type).toBe(type);
      expect(weights?.names().length).toBe(tensors);
      expect(weights?.info(embedding)).toMatchObject({ dtype, shape: [512, 64] });
      for (const name of weights?.names() ?? []) {
        const values = weights?.readFloat32(name) as Float32Array;
        expect(values.length).toBe(weights?.info(name).shape.reduce((a, b) => a * b, 1));
        expect(values.every(Number.isFinite)).toBe(true);
        expect(values.some((value) => value !== 0)).toBe(true);
      }
      weights?.close();
    });
  }

  it("bfloat16 weights are read as the float32 numbers they stand for", () => {
    const { weights } = openModelDirectory(join(GOLDENS, "neox-nano-sequential-bf16"));
    const values = weights?.readFloat32("gpt_neox.embed_in.weight") as Float32Array;
    const bits = new Uint32Array(values.buffer);
    expect(bits.every((word) => (word & 0xffff) === 0)).toBe(true);
    const raw = new Uint16Array((weights?.readRaw("gpt_neox.embed_in.weight") as Uint8Array).buffer);
    expect(Uint16Array.from(bits, (word) => word >>> 16)).toEqual(raw);
    weights?.close();
  });
});

describe("saving", () => {
  const source = join(GOLDENS, "llama-nano");

  it("gives back the same model, with its tokenizer and the very text of its config", () => {
    const target = join(dir, "saved");
    const { close, ...model } = tensorsOf(source);
    saveModelDirectory(target, { ...model, copyFrom: source });
    close();
    expect(readdirSync(target).sort()).toEqual(readdirSync(source).sort());
    for (const name of readdirSync(source).filter((name) => name !== "model.safetensors")) {
      expect(readFileSync(join(target, name), "utf8")).toBe(readFileSync(join(source, name), "utf8"));
    }
    expect(fingerprint(target)).toEqual(fingerprint(source));
    expect(readFileSync(join(target, "model.safetensors")).toString("latin1")).toContain(
      '"__metadata__":{"format":"pt"}',
    );
    expect(readdirSync(dir).filter((name) => name.includes("outright-"))).toEqual([]);
  });

  it("splits into shards with an index", () => {
    const target = join(dir, "sharded");
    const { close, ...model } = tensorsOf(source);
    saveModelDirectory(target, { ...model, config: { ...model.config, extra: 1 }, maxShardBytes: 100_000 });
    close();
    const shards = readdirSync(target).filter((name) => name.endsWith(".safetensors"));
    expect(shards.length).toBeGreaterThan(2);
    expect(shards[0]).toBe(`model-00001-of-0000${shards.length}.safetensors`);
    const index = JSON.parse(readFileSync(join(target, "model.safetensors.index.json"), "utf8"));
    expect(new Set(Object.values(index.weight_map))).toEqual(new Set(shards));
    const bytes = model.tensors.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
    expect(index.metadata.total_size).toBe(bytes);
    expect(fingerprint(target)).toEqual(fingerprint(source));
    expect(openModelDirectory(target).config.extra).toBe(1);
    // Saved again in one piece, no shard of before is left.
    const again = tensorsOf(source);
    saveModelDirectory(target, again);
    again.close();
    expect(readdirSync(target).sort()).toEqual(["config.json", "model.safetensors"]);
  });

  it("can replace the very directory it reads from", () => {
    const copy = copyOf("neox-nano");
    const before = fingerprint(copy);
    const { close, ...model } = tensorsOf(copy);
    saveModelDirectory(`${copy}/`, { ...model, copyFrom: copy });
    close();
    expect(fingerprint(copy)).toEqual(before);
    expect(readdirSync(copy)).toContain("tokenizer.json");
  });

  it("never replaces what is no model", () => {
    const target = join(dir, "mine");
    mkdirSync(target);
    writeFileSync(join(target, "thesis.txt"), "years of work");
    const { close, ...model } = tensorsOf(source);
    expect(errorOf(() => saveModelDirectory(target, model))).toBe(
      `${target}: holds "thesis.txt", which is no part of a model and would be lost; choose another place or remove it`,
    );
    expect(errorOf(() => saveModelDirectory(join(target, "thesis.txt"), model))).toContain(
      "is a file; choose another place",
    );
    close();
    expect(readdirSync(target)).toEqual(["thesis.txt"]);
  });

  it("leaves an existing model as it was where the new one fails half-way", () => {
    const target = copyOf("llama-nano");
    const before = fingerprint(target);
    const { close, ...model } = tensorsOf(source);
    const broken = { name: "x", dtype: "F32" as const, shape: [2], data: () => new Float32Array(1) };
    expect(
      errorOf(() => saveModelDirectory(target, { ...model, tensors: [...model.tensors, broken] })),
    ).toContain('tensor "x"');
    close();
    expect(fingerprint(target)).toEqual(before);
    expect(readdirSync(dir).filter((name) => name.includes("outright-"))).toEqual([]);
  });
});

describe("directories that do not serve", () => {
  it("are refused in one line", () => {
    const open = (path: string) => errorOf(() => openModelDirectory(path));
    expect(open(join(dir, "missing"))).toBe(
      `${join(dir, "missing")}: there is no such directory; give a model directory with config.json and model.safetensors`,
    );
    const copy = copyOf("llama-nano");
    const config = join(copy, "config.json");
    writeFileSync(config, '{"model_type": "llama",\n');
    expect(open(copy)).toMatch(/config\.json: is not JSON \(/);
    writeFileSync(config, "[]");
    expect(open(copy)).toBe(`${config}: is JSON, but not an object {...}`);
    rmSync(config);
    expect(open(copy)).toBe(`${config}: there is no such file; a model directory needs one`);
  });

  it("without weights open without weights; pickled weights are refused", () => {
    const copy = copyOf("llama-nano");
    rmSync(join(copy, "model.safetensors"));
    expect(openModelDirectory(copy).weights).toBe(null);
    writeFileSync(join(copy, "pytorch_model.bin"), "x");
    expect(errorOf(() => openModelDirectory(copy))).toMatch(
      /pytorch_model\.bin: weights in PyTorch's pickle format are not read; convert/,
    );
  });

  it("with shards: each must exist, be sound and hold what the index says", () => {
    const copy = copyOf("llama-nano");
    const { close, ...model } = tensorsOf(join(GOLDENS, "llama-nano"));
    saveModelDirectory(copy, { ...model, maxShardBytes: 150_000 });
    close();
    const index = join(copy, "model.safetensors.index.json");
    const text = readFileSync(index, "utf8");
    const { weight_map: map } = JSON.parse(text) as { weight_map: Record<string, string> };
    const [first] = Object.keys(map) as [string];
    const shard = join(copy, map[first] as string);
    const bytes = readFileSync(shard);
    const open = () => errorOf(() => openModelDirectory(copy));
    const withMap = (weightMap: unknown) => writeFileSync(index, JSON.stringify({ weight_map: weightMap }));

    rmSync(shard);
    expect(open()).toBe(
      `${shard}: there is no such file, but model.safetensors.index.json names it; copy or download the shard`,
    );
    writeFileSync(shard, bytes);
    truncateSync(shard, bytes.byteLength - 1);
    expect(open()).toContain(`${shard}: not a sound safetensors file`);
    writeSafetensors(shard, [{ name: "other", dtype: "F32", shape: [1], data: () => new Float32Array(1) }]);
    expect(open()).toContain(
      `${shard}: there is no tensor "${first}" in it, but model.safetensors.index.json says so`,
    );
    writeFileSync(shard, bytes);

    for (const file of ["../secret.safetensors", "/etc/passwd", "..", "", 7]) {
      withMap({ ...map, [first]: file });
      expect(open()).toBe(
        `${index}: weight_map gives tensor "${first}" the file ${JSON.stringify(file)}, which is no file name`,
      );
    }
    withMap([]);
    expect(open()).toContain('has no object "weight_map"');
    withMap({});
    expect(open()).toContain("its weight_map is empty");
    writeFileSync(index, text.slice(0, -10));
    expect(open()).toContain(`${index}: is not JSON`);
  });
});

describe("hashModelDirectory", () => {
  it("depends on every byte of config and weights, and on nothing else", () => {
    const original = hashModelDirectory(join(GOLDENS, "neox-nano"));
    const copy = copyOf("neox-nano");
    expect(original).toMatch(/^[0-9a-f]{64}$/);
    expect(hashModelDirectory(copy)).toBe(original);
    rmSync(join(copy, "tokenizer.json"));
    expect(hashModelDirectory(copy)).toBe(original);
    const weights = join(copy, "model.safetensors");
    const bytes = readFileSync(weights);
    bytes[bytes.byteLength - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(weights, bytes);
    expect(hashModelDirectory(copy)).not.toBe(original);
    const other = copyOf("neox-nano");
    writeFileSync(
      join(other, "config.json"),
      readFileSync(join(other, "config.json"), "utf8").replace("0.25", "0.5"),
    );
    expect(hashModelDirectory(other)).not.toBe(original);
    rmSync(join(other, "model.safetensors"));
    expect(hashModelDirectory(other)).toMatch(/^[0-9a-f]{64}$/);
  });

  it("covers the bytes of all shards", () => {
    const copy = copyOf("llama-nano");
    const { close, ...model } = tensorsOf(join(GOLDENS, "llama-nano"));
    saveModelDirectory(copy, { ...model, maxShardBytes: 150_000 });
    close();
    const before = hashModelDirectory(copy);
    for (const name of readdirSync(copy).filter((name) => name.endsWith(".safetensors"))) {
      const bytes = readFileSync(join(copy, name));
      writeFileSync(
        join(copy, name),
        Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
      );
      expect(hashModelDirectory(copy)).not.toBe(before);
      writeFileSync(join(copy, name), bytes);
    }
    expect(hashModelDirectory(copy)).toBe(before);
  });
});
