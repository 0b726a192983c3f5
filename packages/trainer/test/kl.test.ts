/** Divergence from the base: the numbers, the positions, and a run from its config to metrics.jsonl. */
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadDataset, loadTokenizer, type SftExample } from "@outright/data";
import type { Device } from "@outright/tensor";
import {
  answerOf,
  choosePositions,
  Divergence,
  type EvalEvent,
  KlMeter,
  klDivergence,
  LogSumExp,
  loadModel,
  openDevice,
  parseConfig,
  type RunConfigInput,
  textWindows,
  train,
} from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
// not offered by the package: a detail of its sums
import { expOfNegative } from "../dist/forgetting/exp.js";

const goldens = join(import.meta.dirname, "../../../test/goldens");
let root: string;
let device: Device;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outright-kl-"));
  device = openDevice({ device: "cpu" });
});
afterAll(() => {
  device.close();
  rmSync(root, { recursive: true, force: true });
});

/** Deterministic numbers of both signs. */
const noise = (count: number, seed: number, scale: number) =>
  Float32Array.from({ length: count }, (_, i) => scale * Math.sin((i + 1) * 12.9898 + seed * 78.233));

describe("the divergence", () => {
  const [N, V] = [5, 1000];
  const [base, trained] = [noise(N * V, 1, 8), noise(N * V, 2, 8)];

  /** The same in blocks of the vocabulary. */
  function inBlocks(from: Float32Array, to: Float32Array, width: number): number {
    const blocks = (of: Float32Array) =>
      Array.from({ length: Math.ceil(V / width) }, (_, b) => {
        const size = Math.min(width, V - b * width);
        const block = new Float32Array(N * size);
        for (let n = 0; n < N; n++)
          block.set(of.subarray(n * V + b * width, n * V + b * width + size), n * size);
        return { block, size };
      });
    const lse = new LogSumExp(N);
    for (const { block, size } of blocks(from)) lse.add(block, size);
    const divergence = new Divergence(lse.values());
    const other = blocks(to);
    for (const [i, { block, size }] of blocks(from).entries())
      divergence.add(block, other[i]?.block as Float32Array, size);
    return divergence.mean();
  }

  it("is the formula's, however the vocabulary is cut into blocks", () => {
    const rows = (of: Float32Array, n: number) => of.subarray(n * V, (n + 1) * V);
    const each = Array.from({ length: N }, (_, n) => klDivergence(rows(base, n), rows(trained, n)));
    const mean = each.reduce((sum, kl) => sum + kl, 0) / N;
    expect(mean).toBeGreaterThan(1);
    for (const width of [1, 7, 64, 999, 1000])
      expect(Math.abs(inBlocks(base, trained, width) / mean - 1)).toBeLessThan(1e-12);
  });

  it("is 0 of the same logits, to the last bit, and of logits that differ by a constant", () => {
    for (const width of [64, 1000]) expect(inBlocks(base, base, width)).toBe(0);
    expect(
      inBlocks(
        base,
        base.map((z) => z + 0.5),
        64,
      ),
    ).toBeLessThan(1e-6);
  });

  it("of Bernoulli distributions is what a hand computes, and not symmetric", () => {
    const [p, q] = [
      [Math.log(0.8), Math.log(0.2)],
      [Math.log(0.5), Math.log(0.5)],
    ];
    expect(klDivergence(p, q)).toBeCloseTo(0.8 * Math.log(0.8 / 0.5) + 0.2 * Math.log(0.2 / 0.5), 14);
    expect(klDivergence(q, p)).toBeCloseTo(0.5 * Math.log(0.5 / 0.8) + 0.5 * Math.log(0.5 / 0.2), 14);
  });

  it("holds where logits are far apart, and is not a number where they are none", () => {
    const far = base.map((z, i) => (i % V === 3 ? 3e4 : z));
    expect(inBlocks(far, base, 64)).toBeGreaterThan(5);
    expect(inBlocks(base, far, 64)).toBeGreaterThan(1e4);
    const broken = base.slice();
    broken[7] = Number.NaN;
    expect(inBlocks(base, broken, 64)).toBeNaN();
  });
});

it("e to a negative number is Math.exp's within 2^-45", () => {
  let worst = 0;
  for (let i = 0; i <= 400_000; i++) {
    const x = -((i / 400_000) ** 3) * 699.9;
    worst = Math.max(worst, Math.abs(expOfNegative(x) / Math.exp(x) - 1));
  }
  expect(worst).toBeLessThan(2 ** -45);
  expect([0, -0, -701, -1e300, Number.NEGATIVE_INFINITY].map(expOfNegative)).toEqual([1, 1, 0, 0, 0]);
  expect(expOfNegative(Number.NaN)).toBeNaN();
});

describe("the positions", () => {
  const example = (row: number, prompt: number, answer: number): SftExample => ({
    row,
    promptIds: Int32Array.from({ length: prompt }, (_, i) => 100 * row + i),
    responseIds: Int32Array.from({ length: answer }, (_, i) => 100 * row + 50 + i),
    responseEnds: true,
  });
  const list = (examples: (SftExample | null)[]) => ({
    count: examples.length,
    at: (i: number) => examples[i] ?? null,
  });
  const how = { seed: 1, stream: "kl/sft", tokensPerMicroBatch: 60 };
  const many = list(Array.from({ length: 40 }, (_, i) => example(i, 5, 10)));

  it("are as many as wanted, a few of each example, and no token twice", () => {
    const { count, rows } = choosePositions(many, 18, how);
    expect(count).toBe(18);
    expect(rows.reduce((sum, { row }) => sum + row.rows.length, 0)).toBe(5); // 4 + 4 + 4 + 4 + 2
    for (const { row, tokens } of rows) {
      expect([...tokens]).toEqual([...new Set(tokens)].sort((a, b) => a - b));
      for (const token of tokens) expect(row.lossRows).toContain(token);
      expect(row.tokens).toBeLessThanOrEqual(60);
    }
    // nothing is computed behind the last one of each example
    expect(rows.at(-1)?.tokens.at(-1)).toBe((rows.at(-1)?.row.tokens as number) - 1);
  });

  it("depend on the seed and the name only, not on micro-batches", () => {
    const ids = (options: Partial<typeof how>) =>
      choosePositions(many, 18, { ...how, ...options }).rows.flatMap(({ row, tokens }) =>
        [...tokens].map((token) => row.ids[token]),
      );
    expect(ids({})).toEqual(ids({}));
    expect(ids({ tokensPerMicroBatch: 1 })).toEqual(ids({}));
    expect(ids({ seed: 2 })).not.toEqual(ids({}));
    expect(ids({ stream: "kl/dpo" })).not.toEqual(ids({}));
  });

  it("are taken where there are few or short examples, and passed over where there is none", () => {
    const few = list([example(0, 3, 2), null, example(2, 0, 30), example(3, 0, 1)]);
    const { count, rows } = choosePositions(few, 64, how);
    // 64 / 4 of each at most; without a prompt nothing predicts an answer's first token
    expect(count).toBe(2 + 16);
    expect(rows.flatMap(({ row }) => [...row.rows]).sort((a, b) => a - b)).toEqual([0, 2]);
    expect(choosePositions(list([]), 64, how)).toEqual({ count: 0, rows: [] });
  });

  it("of text lie in windows all over its rows", () => {
    const book = (rows: number, length: number) => ({
      rows,
      example: (row: number) => ({
        ...example(row, 1, 0),
        responseIds: Int32Array.from({ length }, (_, i) => i),
      }),
    });
    const one = textWindows(book(1, 100_000), 16, 2048, 7);
    const windows = Array.from({ length: one.count }, (_, i) => one.at(i) as SftExample);
    expect(windows).toHaveLength(16);
    windows.forEach(({ responseIds, responseEnds }, i) => {
      expect(responseIds.length).toBe(256);
      expect(Math.floor((responseIds[0] as number) / 6250)).toBe(i);
      expect(responseEnds).toBe(false);
    });
    const short = textWindows(book(1, 300), 16, 2048, 7);
    const there = Array.from({ length: short.count }, (_, i) => short.at(i)).filter(
      (window) => window !== null,
    );
    expect(there.map(({ responseIds }) => responseIds.length)).toEqual([256, 44]);
    const small = textWindows(book(100, 50), 16, 32, 7);
    expect(small.count).toBe(100);
    expect(small.at(3)?.responseIds.length).toBe(31);
  });
});

describe("the meter", () => {
  it("agrees with PyTorch in float64 on the goldens, and reads 0 of the base", async () => {
    const fixture = JSON.parse(readFileSync(join(import.meta.dirname, "fixtures/kl.json"), "utf8"));
    const models = [fixture.base, fixture.other].map((name: string) => join(goldens, "models", name));
    const tokenizer = await loadTokenizer(models[0] as string);
    const positions = Object.fromEntries(
      await Promise.all(
        (["sft", "dpo"] as const).map(async (kind) => {
          const { examples } = await loadDataset({
            kind,
            path: join(goldens, `rows/${kind}.jsonl`),
            format: kind === "sft" ? "alpaca" : "pairs",
            template: "plain",
            boundary: "separate",
            tokenizer,
            maxLength: 512,
            truncate: "error",
            identicalPairs: "keep",
          });
          const at = (i: number) => answerOf(examples[i] as SftExample);
          const how = { seed: 1, stream: kind, tokensPerMicroBatch: 64 };
          // of so few rows all loss tokens are taken
          return [kind, choosePositions({ count: examples.length, at }, 10_000, how)] as const;
        }),
      ),
    );
    const [base, other] = models.map((dir) => loadModel(device, dir).model) as [never, never];
    const path = join(root, ".base-logits");
    const meter = new KlMeter(base, positions, path);
    expect(meter.measure(base)).toEqual({ sft: 0, dpo: 0 });
    const measured = meter.measure(other);
    const before = device.memory().liveBuffers;
    expect(meter.measure(other)).toEqual(measured);
    for (const kind of ["sft", "dpo"] as const) {
      expect(positions[kind]?.count).toBe(fixture[kind].tokens);
      expect(Math.abs((measured[kind] as number) / fixture[kind].mean - 1)).toBeLessThan(1e-5);
    }
    // 4 bytes x positions x vocabulary, in a file that a killed process does not leave behind
    expect(meter.bytes).toBe(4 * (153 + 131) * 512);
    expect(existsSync(path)).toBe(false);
    meter.close();
    expect(device.memory().liveBuffers).toBe(before);
  });
});

const objectives = {
  sft: { kind: "sft", data: join(goldens, "rows/sft.jsonl"), format: "alpaca", template: "plain", batch: 3 },
  dpo: { kind: "dpo", data: join(goldens, "rows/dpo.jsonl"), format: "pairs", batch: 2 },
} as const;

function config(out: string, changes: Partial<RunConfigInput> = {}): RunConfigInput {
  return {
    model: join(goldens, "models/llama-nano"),
    device: "cpu",
    maxLength: 512,
    objectives,
    policy: { name: "alright", lambda: 0.5 },
    optimizer: { lr: 1e-2 },
    steps: 6,
    evaluate: { every: 2, holdout: 0.4, kl: 20 },
    checkpoint: { every: 3 },
    out: join(root, out, "run"),
    ...changes,
  } as RunConfigInput;
}

type Line = Record<string, unknown> & Partial<EvalEvent>;

/** The evaluations of a run, without times. */
async function evals(input: RunConfigInput, stopAfter = Number.POSITIVE_INFINITY): Promise<Line[]> {
  const resolved = parseConfig(input);
  let steps = 0;
  await train(resolved, {
    resume: true,
    onEvent: ({ type }) => {
      if (type === "step") steps++;
    },
    shouldStop: () => steps >= stopAfter,
  });
  const all = readFileSync(join(resolved.out, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return all.map((line) => JSON.parse(line) as Line).filter(({ type }) => type === "eval");
}

const timeless = (lines: Line[]) => lines.map(({ seconds: _, klSeconds: __, ...line }) => line);
const klOf = (lines: Line[]) => lines.map(({ kl }) => kl as Record<string, number>);

describe("a run", () => {
  it("tells the divergence of each objective at each evaluation, 0 at the start, and what it cost", async () => {
    const lines = await evals(config("told"));
    expect(lines.map(({ step }) => step)).toEqual([0, 2, 4, 6]);
    expect(lines[0]?.kl).toEqual({ sft: 0, dpo: 0 });
    for (const { kl, seconds, klSeconds } of lines.slice(1)) {
      expect(Object.keys(kl as object)).toEqual(["sft", "dpo"]);
      for (const value of Object.values(kl as object)) expect(value).toBeGreaterThan(1e-4);
      expect(klSeconds).toBeGreaterThan(0);
      expect(seconds).toBeGreaterThan(klSeconds as number);
    }
    expect(readdirSync(join(root, "told/run"))).not.toContain(".base-logits");
  });

  it("that was stopped and resumed has the bits of one that was not", async () => {
    for (const [name, changes] of Object.entries({
      all: {},
      lora: { lora: { rank: 2, targets: "all-linear", dropout: 0.1 } },
      bfloat16: { dtype: "bfloat16" },
    } as Record<string, Partial<RunConfigInput>>)) {
      const whole = await evals(config(`${name}-whole`, changes));
      const parts = config(`${name}-parts`, changes);
      await evals(parts, 1);
      await evals(parts, 3);
      expect(timeless(await evals(parts)), name).toEqual(timeless(whole));
      expect(klOf(whole)[0], name).toEqual({ sft: 0, dpo: 0 });
      expect(klOf(whole).at(-1)?.["sft"], name).toBeGreaterThan(1e-4);
    }
  });

  it("does not train otherwise for being measured, and measures nothing at 0", async () => {
    const measured = await evals(config("on"));
    const off = await evals(config("off", { evaluate: { every: 2, holdout: 0.4, kl: 0 } }));
    expect(off.some((line) => "kl" in line || "klSeconds" in line)).toBe(false);
    expect(timeless(measured).map(({ kl: _, ...line }) => line)).toEqual(timeless(off));
    const model = (out: string) => readFileSync(join(root, out, "run/model/model.safetensors"));
    expect(model("on").equals(model("off"))).toBe(true);
  });

  it("of adapters that go on measures from where they began", async () => {
    await evals(config("first", { lora: { rank: 2, targets: "all-linear" } }));
    const from = join(root, "first/run/adapter");
    const lines = await evals(config("second", { lora: { from } }));
    expect(klOf(lines)[0]).toEqual({ sft: 0, dpo: 0 });
    expect(klOf(lines).at(-1)?.["sft"]).toBeGreaterThan(1e-4);
  });

  it("passes over objectives without held-out rows, and measures on plain text", async () => {
    const text = join(root, "text.txt");
    writeFileSync(text, `${"It was a bright cold day, and the clocks were striking. ".repeat(60)}`);
    const evaluate = { every: 3, holdout: 0, kl: 16 };
    expect(await evals(config("nothing", { evaluate }))).toEqual([]);
    const alone = await evals(config("text", { evaluate: { ...evaluate, text } }));
    expect(alone.map(({ step, losses }) => [step, losses])).toEqual([0, 3, 6].map((step) => [step, {}]));
    expect(klOf(alone)[0]).toEqual({ text: 0 });
    expect(klOf(alone).at(-1)?.["text"]).toBeGreaterThan(1e-4);
    const heldout = { ...objectives.sft, heldout: objectives.sft.data };
    const some = await evals(
      config("some", { objectives: { ...objectives, sft: heldout }, evaluate: { ...evaluate, text } }),
    );
    expect(Object.keys(klOf(some)[0] as object)).toEqual(["sft", "text"]);
  });

  it("does not go on from another base, or with another text", async () => {
    const model = join(root, "base");
    const { saveModelDirectory, openModelDirectory } = await import("@outright/checkpoint");
    const put = (name: string) => {
      const source = join(goldens, "models", name);
      const { config: json, weights } = openModelDirectory(source);
      const tensors = (weights?.names() ?? []).map((tensor, i) => ({
        name: tensor,
        dtype: "F32" as const,
        shape: weights?.info(tensor).shape as number[],
        data: () => (weights?.readFloat32(tensor) as Float32Array).map((x) => (i === 0 ? x * scale : x)),
      }));
      saveModelDirectory(model, { config: json, tensors, copyFrom: source });
      weights?.close();
    };
    let scale = 1;
    put("llama-nano");
    const text = join(root, "changing.txt");
    writeFileSync(text, "one two three four five six seven");
    const input = config("moved", {
      model,
      evaluate: { every: 2, holdout: 0.4, text },
      objectives: { sft: objectives.sft },
      policy: { name: "single", objective: "sft" },
    });
    await evals(input, 4);
    scale = 1.5;
    put("llama-nano");
    await expect(evals(input)).rejects.toThrow(
      "step-4: the model that the run started from changed since this checkpoint (config: model); bring it back",
    );
    scale = 1;
    put("llama-nano");
    writeFileSync(text, "something else altogether, and longer");
    await expect(evals(input)).rejects.toThrow(
      "the text of evaluate.text changed since this checkpoint; bring it back, or start a new run in another directory",
    );
    writeFileSync(text, "one two three four five six seven");
    expect((await evals(input)).at(-1)?.step).toBe(6);
  });
});

describe("the config", () => {
  const problem = (evaluate: object, more: object = {}) => {
    try {
      parseConfig(config("none", { evaluate, ...more } as never));
    } catch (error) {
      return (error as Error).message;
    }
    return "no problem";
  };

  it("has 64 positions by default, and says what is wrong with text", () => {
    expect(parseConfig(config("none", { evaluate: {} })).evaluate).toMatchObject({ kl: 64 });
    expect(problem({ kl: -1 })).toContain("evaluate.kl: must be");
    expect(problem({ text: "nowhere.txt" })).toContain("evaluate.text: no such file: ");
    const text = objectives.sft.data;
    expect(problem({ text, kl: 0 })).toContain("evaluate.text: nothing is measured on it with kl: 0");
    copyFileSync(text, join(root, "copy.jsonl"));
    const named = { objectives: { text: objectives.sft }, policy: { name: "single", objective: "text" } };
    expect(problem({ text }, named)).toContain("evaluate.text: an objective is called text already");
    expect(problem({ kl: 1 }, named)).toBe("no problem");
  });
});
