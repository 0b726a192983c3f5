import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type MergeOptions,
  mergeModels,
  openModelDirectory,
  openSafetensors,
  saveModelDirectory,
  type TensorSource,
  writeSafetensors,
} from "@outright/checkpoint";
import { describe, expect, it } from "vitest";
import { errorOf, temporaryDirectory } from "./temporary.js";

const GOLDENS = join(import.meta.dirname, "../../../test/goldens/models");
const dir = temporaryDirectory();
let made = 0;
const place = () => join(dir, `m${made++}`);

/** A model directory of the given tensors. */
function model(tensors: TensorSource[], config: Record<string, unknown> = {}, maxShardBytes = 1e9): string {
  const path = place();
  saveModelDirectory(path, {
    config: { model_type: "x", torch_dtype: "float32", ...config },
    tensors,
    maxShardBytes,
  });
  return path;
}

const f32 = (name: string, values: number[] | Float32Array, shape = [values.length]): TensorSource => ({
  name,
  dtype: "F32",
  shape,
  data: () => Float32Array.from(values),
});
const bf16 = (name: string, values: number[]): TensorSource => ({ ...f32(name, values), dtype: "BF16" });
const raw = (name: string, dtype: "U8" | "F16", bytes: number[], shape: number[]): TensorSource => ({
  name,
  dtype,
  shape,
  data: () => Uint8Array.from(bytes),
});

function merge(options: Partial<MergeOptions> & { models: string[] }): string {
  const out = place();
  mergeModels({ alpha: 0.5, ...options, out } as MergeOptions);
  return out;
}

function values(path: string, name: string): number[] {
  const { weights } = openModelDirectory(path);
  const read = [...(weights?.readFloat32(name) as Float32Array)];
  weights?.close();
  return read;
}

/** A golden model and another of the same architecture: its tensors turned end for end. */
function pair(name: string): [string, string] {
  const source = join(GOLDENS, name);
  const { config, weights } = openModelDirectory(source);
  if (weights === null) throw new Error("no weights");
  const other = place();
  saveModelDirectory(other, {
    config,
    tensors: weights.names().map((tensor) => {
      const { dtype, shape } = weights.info(tensor);
      return { name: tensor, dtype, shape, data: () => weights.readFloat32(tensor).reverse() };
    }),
    copyFrom: source,
  });
  weights.close();
  return [source, other];
}

/** Names, dtypes, shapes and bytes. */
function contents(path: string): Record<string, string> {
  const { weights } = openModelDirectory(path);
  const all = Object.fromEntries(
    (weights?.names() ?? []).sort().map((name) => {
      const { dtype, shape } = weights?.info(name) as { dtype: string; shape: readonly number[] };
      return [
        name,
        `${dtype} ${shape} ${Buffer.from(weights?.readRaw(name) as Uint8Array).toString("base64")}`,
      ];
    }),
  );
  weights?.close();
  return all;
}

describe("the average of two models", () => {
  for (const name of ["llama-nano", "llama-nano-tied", "neox-nano", "neox-nano-sequential-bf16"]) {
    it(`of ${name} has the first one's bits at alpha 0 and the second one's at 1`, () => {
      const [a, b] = pair(name);
      expect(contents(a)).not.toEqual(contents(b));
      const zero = merge({ models: [a, b], alpha: 0 });
      expect(contents(zero)).toEqual(contents(a));
      expect(contents(merge({ models: [a, b], alpha: 1 }))).toEqual(contents(b));
      // config and tokenizer come along as they are
      for (const file of readdirSync(a).filter((file) => file !== "model.safetensors"))
        expect(readFileSync(join(zero, file), "utf8")).toBe(readFileSync(join(a, file), "utf8"));
    });
  }

  it("is (1 - alpha) A + alpha B, each number rounded once", () => {
    const [a, b] = pair("neox-nano");
    const out = merge({ models: [a, b], alpha: 0.3 });
    const { weights } = openModelDirectory(a);
    for (const name of weights?.names() ?? []) {
      const [ofA, ofB] = [values(a, name), values(b, name)];
      expect(values(out, name)).toEqual(
        ofA.map((x, i) => Math.fround((1 - 0.3) * x + 0.3 * (ofB[i] as number))),
      );
    }
    weights?.close();
  });

  it("keeps signs of zero and what is no number, where one model counts alone", () => {
    const odd = [-0, Number.NaN, Number.NEGATIVE_INFINITY, 1e-45];
    const [a, b] = [model([f32("w", odd)]), model([f32("w", [1, 2, Number.NaN, 4])])];
    expect(values(merge({ models: [a, b], alpha: 0 }), "w")).toEqual([
      -0,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      Math.fround(1e-45),
    ]);
  });

  it("of equal models is that model, whatever alpha and dtype", () => {
    const random = Float32Array.from(
      { length: 5000 },
      (_, i) => Math.sin(i * 12.9898) * 10 ** ((i % 60) - 30),
    );
    const a = model([f32("w", random)]);
    expect(contents(merge({ models: [a, a], alpha: 0.1 }))).toEqual(contents(a));
    const narrow = merge({ models: [a, a], alpha: 0, dtype: "BF16" });
    expect(contents(merge({ models: [narrow, narrow], alpha: 0.7 }))).toEqual(contents(narrow));
  });
});

describe("weights", () => {
  const models = [1, 10, 100].map((x) => model([f32("w", [x, -x])]));

  it("are divided by their sum; a model of weight 0 is not read", () => {
    expect(values(merge({ models, weights: [2, 1, 1] } as never), "w")).toEqual([28, -28]);
    const broken = model([f32("w", [Number.NaN, Number.NaN])]);
    expect(values(merge({ models: [models[0] as string, broken], weights: [3, 0] } as never), "w")).toEqual([
      1, -1,
    ]);
  });

  it("that make no average are refused", () => {
    const refused = (rest: object) =>
      errorOf(() => mergeModels({ models, out: join(dir, "no"), ...rest } as never));
    expect(refused({ weights: [1, 1] })).toBe("weights: 2 given for 3 models; give one for each");
    expect(refused({ weights: [1, -1, 1] })).toBe("weights: -1 is not a number of 0 or more");
    expect(refused({ weights: [0, 0, 0] })).toContain("weights: all are 0");
    expect(refused({ alpha: 0.5 })).toContain("alpha: mixes two models, 3 are given");
    expect(refused({ models: models.slice(1), alpha: 1.5 })).toBe("alpha: 1.5 is not a number from 0 to 1");
    expect(refused({ models: models.slice(1), alpha: Number.NaN })).toContain("alpha: NaN");
  });
});

describe("block alpha", () => {
  const tensors = (x: number) =>
    ["embed.weight", "layers.0.w", "layers.1.experts.7.w", "layers.2.w", "norm.weight"].map((name) =>
      f32(name, [x]),
    );
  const models = [model(tensors(0)), model(tensors(1))];
  const of = (blockAlpha: NonNullable<Extract<MergeOptions, { alpha: number }>["blockAlpha"]>) => {
    const out = merge({ models, alpha: 0.5, blockAlpha });
    return ["embed.weight", "layers.0.w", "layers.1.experts.7.w", "layers.2.w", "norm.weight"].map(
      (name) => values(out, name)[0],
    );
  };

  it("holds for its block, alpha for everything else", () => {
    expect(of({ at: { 0: 0.25, 2: 0.75 } })).toEqual([0.5, 0.25, 0.5, 0.75, 0.5]);
  });
  it("runs straight from the first block to the last", () => {
    expect(of({ from: 0, to: 1 })).toEqual([0.5, 0, 0.5, 1, 0.5]);
    expect(of({ from: 1, to: 0.5 })).toEqual([0.5, 1, 0.75, 0.5, 0.5]);
  });
  it("of a block that is not there, or no share, is refused", () => {
    expect(errorOf(() => of({ at: { 3: 0.5 } }))).toBe(
      "block alpha: there is no block 3; these models have blocks 0 to 2",
    );
    expect(errorOf(() => of({ at: { 1: 2 } }))).toBe("block alpha of block 1: 2 is not a number from 0 to 1");
    expect(errorOf(() => of({ from: -1, to: 1 }))).toBe("block alpha: -1 is not a number from 0 to 1");
  });
});

describe("dtypes", () => {
  /** The bfloat16 number nearest to x, of two equally near the even one: by trying both neighbours. */
  function nearestBfloat16(x: number): number {
    const bits = new Uint32Array(1);
    const float = new Float32Array(bits.buffer);
    float[0] = x;
    bits[0] = ((bits[0] as number) & 0xffff0000) >>> 0;
    const at = bits[0] as number;
    const around = [at, at + 0x10000, at - 0x10000].map((word) => {
      bits[0] = word;
      return { value: float[0] as number, isEven: ((word >>> 16) & 1) === 0 };
    });
    around.sort(
      (p, q) => Math.abs(p.value - x) - Math.abs(q.value - x) || Number(q.isEven) - Number(p.isEven),
    );
    return around[0]?.value as number;
  }

  it("bfloat16 is rounded once from the exact sum, not through float32", () => {
    // just above half-way between 1 and 1 + 2^-7; by way of float32 it would be half-way, and rounded down
    const [a, b] = [
      model([f32("w", [2 + 2 ** -7, -2 - 2 ** -7])]),
      model([f32("w", [2 ** -39, -(2 ** -39)])]),
    ];
    expect(values(merge({ models: [a, b], dtype: "BF16" }), "w")).toEqual([1 + 2 ** -7, -1 - 2 ** -7]);
    const random = (seed: number) =>
      Array.from({ length: 3000 }, (_, i) =>
        Math.fround(Math.sin((i + seed) * 78.233) * 2 ** ((i % 40) - 20)),
      );
    const [x, y] = [random(1), random(50)];
    const out = merge({ models: [model([f32("w", x)]), model([f32("w", y)])], alpha: 0.3, dtype: "BF16" });
    expect(values(out, "w")).toEqual(
      x.map((v, i) => nearestBfloat16((1 - 0.3) * v + 0.3 * (y[i] as number))),
    );
    expect(openModelDirectory(out).config).toMatchObject({ torch_dtype: "bfloat16" });
  });

  it("stay where they are the same; mixed ones and halves become float32, exactly", () => {
    const wide = model([f32("w", [1, 3])]);
    const narrow = model([bf16("w", [2, 4])], { torch_dtype: "bfloat16" });
    const half = model([raw("w", "F16", [0, 0x3c, 0, 0x40], [2])], { torch_dtype: "float16" });
    const dtypeOf = (out: string) => {
      const { config, weights } = openModelDirectory(out);
      const { dtype } = weights?.info("w") as { dtype: string };
      weights?.close();
      return [dtype, config.torch_dtype];
    };
    expect(dtypeOf(merge({ models: [narrow, narrow] }))).toEqual(["BF16", "bfloat16"]);
    const mixed = merge({ models: [narrow, wide] });
    expect(dtypeOf(mixed)).toEqual(["F32", "float32"]);
    expect(values(mixed, "w")).toEqual([1.5, 3.5]);
    const halves = merge({ models: [half, wide] });
    expect(dtypeOf(halves)).toEqual(["F32", "float32"]);
    expect(values(halves, "w")).toEqual([1, 2.5]);
    expect(dtypeOf(merge({ models: [half, half] }))).toEqual(["F32", "float32"]);
  });

  it("whole numbers are copied where they are equal, else refused", () => {
    const a = model([f32("w", [1]), raw("table", "U8", [1, 2, 3], [3])]);
    const b = model([f32("w", [2]), raw("table", "U8", [1, 2, 3], [3])]);
    const c = model([f32("w", [2]), raw("table", "U8", [1, 2, 4], [3])]);
    const out = merge({ models: [a, b] });
    expect(contents(out)["table"]).toBe(contents(a)["table"]);
    expect(errorOf(() => merge({ models: [a, c] }))).toBe(
      `${c}: tensor "table" (U8) differs from ${a}'s; only F32, BF16, F16 and F64 are averaged`,
    );
    expect(readdirSync(dir).filter((name) => name.includes("outright-"))).toEqual([]);
  });
});

describe("files", () => {
  it("shards, split differently in every model, are read and written", () => {
    const tensors = (x: number) =>
      Array.from({ length: 9 }, (_, i) => f32(`layers.${i}.w`, new Array(100 + i).fill(x + i)));
    const a = model(tensors(0), {}, 900);
    const b = model(tensors(2), {}, 2000);
    const out = merge({ models: [a, b], maxShardBytes: 1300 });
    const shards = (path: string) => readdirSync(path).filter((name) => name.endsWith(".safetensors")).length;
    expect([shards(a), shards(b), shards(out)]).toEqual([5, 3, 3]);
    for (let i = 0; i < 9; i++) expect(values(out, `layers.${i}.w`)).toEqual(new Array(100 + i).fill(i + 1));
  });

  it("a tied head and computed tensors that only some files hold are left out, and told", () => {
    const lean = model([f32("embed.weight", [1])], { tie_word_embeddings: true });
    const full = model(
      [
        f32("embed.weight", [3]),
        f32("lm_head.weight", [3]),
        f32("layers.0.attention.rotary_emb.inv_freq", [1]),
        raw("layers.0.attention.bias", "U8", [1], [1]),
      ],
      { tie_word_embeddings: true },
    );
    const out = place();
    const { leftOut, tensors } = mergeModels({ models: [full, lean], alpha: 0.5, out });
    expect(leftOut.sort()).toEqual([
      "layers.0.attention.bias",
      "layers.0.attention.rotary_emb.inv_freq",
      "lm_head.weight",
    ]);
    expect(tensors).toBe(1);
    expect(Object.keys(contents(out))).toEqual(["embed.weight"]);
    const untied = model([f32("embed.weight", [1])]);
    const withHead = model([f32("embed.weight", [1]), f32("lm_head.weight", [1])]);
    expect(errorOf(() => merge({ models: [withHead, untied] }))).toBe(
      `${untied}: has no tensor "lm_head.weight", which ${withHead} has; only models of the same tensors can be merged`,
    );
  });

  it("a run's directory stands for its model; an adapter and an unfinished run are told what to do", () => {
    const run = place();
    const whole = model([f32("w", [1])]);
    cpSync(whole, join(run, "model"), { recursive: true });
    expect(values(merge({ models: [run, whole] }), "w")).toEqual([1]);
    const lora = place();
    cpSync(whole, join(lora, "adapter"), { recursive: true });
    writeFileSync(join(lora, "adapter", "adapter_config.json"), "{}");
    expect(errorOf(() => merge({ models: [whole, lora] }))).toBe(
      `${lora}: holds an adapter, not a whole model; write one with \`outright export --adapter ${join(lora, "adapter")} --out DIR\` and merge that`,
    );
    const unfinished = place();
    cpSync(whole, join(unfinished, "checkpoints"), { recursive: true });
    writeFileSync(join(unfinished, "metrics.jsonl"), "");
    expect(errorOf(() => merge({ models: [whole, unfinished] }))).toContain(
      `outright train --resume ${unfinished}`,
    );
    expect(errorOf(() => merge({ models: [whole, join(dir, "nowhere")] }))).toContain(
      "there is no such directory",
    );
  });

  it("what exists is never replaced", () => {
    const a = model([f32("w", [1])]);
    const b = model([f32("w", [2])]);
    const before = contents(b);
    expect(errorOf(() => mergeModels({ models: [a, b], alpha: 0.5, out: b }))).toBe(
      `${b}: exists already; choose another place or remove it`,
    );
    expect(contents(b)).toEqual(before);
  });
});

describe("models that do not fit", () => {
  it("are refused with what differs", () => {
    const a = model([f32("w", [1, 2])], { hidden_size: 2, heads: 1 });
    const other = model([f32("w", [1, 2])], { hidden_size: 4 });
    const said = errorOf(() => merge({ models: [a, other] }));
    expect(said).toBe(
      `${other}: config.json differs from ${a}'s in hidden_size (2, 4); take the first model's with --allow config, or merge other models`,
    );
    const out = place();
    expect(mergeModels({ models: [a, other], alpha: 0.5, out, allow: ["config"] }).notes).toHaveLength(2);
    expect(openModelDirectory(out).config.hidden_size).toBe(2);
    // what only one file says is told, no more
    const silent = model([f32("w", [1, 2])], { hidden_size: 2 });
    expect(mergeModels({ models: [a, silent], alpha: 0.5, out: place() }).notes).toEqual([
      `${silent}: config.json and ${a}'s do not both say heads (1, absent): the first model's is taken`,
    ]);
    // where and how it was saved is no difference
    merge({
      models: [
        a,
        model([f32("w", [1, 2])], {
          hidden_size: 2,
          heads: 1,
          transformers_version: "5",
          torch_dtype: "bfloat16",
        }),
      ],
    });
    const shape = model([f32("w", [1, 2, 3])], { hidden_size: 2, heads: 1 });
    expect(errorOf(() => merge({ models: [a, shape] }))).toBe(
      `${shape}: tensor "w" has shape [3], in ${a} it has [2]`,
    );
  });

  it("rotary embedding as earlier and as later versions write it is the same or not", () => {
    const old = model([f32("w", [1])], { rope_theta: 500000, rope_scaling: { type: "linear", factor: 2 } });
    const parameters = { rope_theta: 500000, rope_type: "linear", factor: 2 };
    const same = model([f32("w", [1])], { rope_parameters: parameters, pad_token_id: null });
    expect(mergeModels({ models: [old, same], alpha: 0.5, out: place() }).notes).toEqual([]);
    const other = model([f32("w", [1])], { rope_parameters: { ...parameters, rope_theta: 10000 } });
    expect(errorOf(() => merge({ models: [old, other] }))).toContain("in rope_theta (500000, 10000);");
    const plain = model([f32("w", [1])], { rope_theta: 500000, rope_scaling: null });
    expect(errorOf(() => merge({ models: [old, plain] }))).toContain(
      'in rope_scaling ({"rope_type":"linear","factor":2}, "default")',
    );
    const neox = model([f32("w", [1])], { rotary_emb_base: 10000, rotary_pct: 0.25 });
    const later = model([f32("w", [1])], {
      rope_parameters: { rope_theta: 10000, partial_rotary_factor: 0.25, rope_type: "default" },
    });
    expect(mergeModels({ models: [neox, later], alpha: 0.5, out: place() }).notes).toEqual([]);
  });

  it("of another tokenizer are refused unless that is allowed", () => {
    const [a, b] = pair("llama-nano");
    const text = readFileSync(join(b, "tokenizer.json"), "utf8");
    writeFileSync(join(b, "tokenizer.json"), `${text} `);
    expect(errorOf(() => merge({ models: [a, b] }))).toContain(
      `${b}: tokenizer.json differs from ${a}'s; take the first model's with --allow tokenizer`,
    );
    const out = merge({ models: [b, a], allow: ["tokenizer"] });
    expect(readFileSync(join(out, "tokenizer.json"), "utf8")).toBe(`${text} `);
    // where the first has none, another's is taken
    rmSync(join(b, "tokenizer.json"));
    expect(readFileSync(join(merge({ models: [b, a] }), "tokenizer.json"), "utf8")).toBe(text);
  });
});

describe("a model larger than memory should be", () => {
  /** A tensor of 100 MiB in a model of its own, and one beside it. */
  const large = (x: number): string => {
    const path = place();
    const part = new Float32Array(1 << 20).fill(x);
    saveModelDirectory(path, {
      config: {},
      tensors: [
        { name: "w", dtype: "F32", shape: [25, 1 << 20], data: () => new Array<Float32Array>(25).fill(part) },
        f32("v", [x]),
      ],
    });
    return path;
  };
  const child = join(import.meta.dirname, "merge-child.mjs");

  it("is merged with a part of one tensor in memory", { timeout: 60_000 }, () => {
    const [a, b] = [large(1), large(3)];
    for (const dtype of ["F32", "BF16"]) {
      const out = place();
      const said = execFileSync(process.execPath, [child, a, b, out, dtype], { encoding: "utf8" });
      // two models' tensors alone would be 200 MiB
      expect(Number(said.trim().split("\n").at(-1))).toBeLessThan(64 << 20);
      const file = openSafetensors(join(out, "model.safetensors"));
      file.eachFloat32("w", (part) => expect(part.every((x) => x === part[0])).toBe(true));
      file.close();
      rmSync(out, { recursive: true });
    }
  });

  it("killed while it is merged leaves nothing half, and the next merge nothing of it", {
    timeout: 60_000,
  }, async () => {
    const [a, b] = [large(1), large(3)];
    const out = place();
    let interrupted = 0;
    for (const wait of [0, 30, 60, 90, 120]) {
      const running = spawn(process.execPath, [child, a, b, out, "F32"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(running, "exit");
      await Promise.race([once(running.stdout, "data"), exited]);
      await new Promise((resolve) => setTimeout(resolve, wait));
      running.kill("SIGKILL");
      await exited;
      if (existsSync(out)) rmSync(out, { recursive: true });
      else if (readdirSync(dir).some((name) => name.includes("outright-tmp-"))) interrupted++;
    }
    expect(interrupted).toBeGreaterThan(0);
    execFileSync(process.execPath, [child, a, b, out, "F32"]);
    expect(readdirSync(dir).filter((name) => name.includes("outright-tmp-"))).toEqual([]);
    expect(readdirSync(out).sort()).toEqual(["config.json", "model.safetensors"]);
  });
});

it("parts of any tensor are those of eachFloat32", () => {
  const path = join(dir, "parts.safetensors");
  const big = Float32Array.from({ length: (1 << 20) + 5 }, (_, i) => i);
  writeSafetensors(path, [f32("big", big), bf16("small", [1, 2]), f32("none", [], [0])]);
  const file = openSafetensors(path);
  expect([...file.float32Parts("big")].map((part) => part.length)).toEqual([1 << 20, 5]);
  expect(Buffer.compare(Buffer.from(file.readFloat32("big").buffer), Buffer.from(big.buffer))).toBe(0);
  expect([...file.float32Parts("small")].map((part) => [...part])).toEqual([[1, 2]]);
  expect([...file.float32Parts("none")]).toEqual([]);
  file.close();
});
