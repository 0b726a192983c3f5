/** Training with adapters, through the public door: what is trained, what is kept, what goes on from it. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAdapterDirectory, openSafetensors } from "@outright/checkpoint";
import { addLora, trainableParameters } from "@outright/models";
import type { Device } from "@outright/tensor";
import {
  AdamW,
  addAdapter,
  dropoutSeeds,
  loadModel,
  openDevice,
  parseConfig,
  type RunConfigInput,
  type TrainEvent,
  train,
} from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const goldens = join(import.meta.dirname, "../../../test/goldens");
const base = join(goldens, "models/neox-nano");
let root: string;
let device: Device;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outright-lora-"));
  device = openDevice({ device: "cpu" });
});
afterAll(() => {
  device.close();
  rmSync(root, { recursive: true, force: true });
});

const sft = {
  kind: "sft",
  data: join(goldens, "rows/sft.jsonl"),
  format: "alpaca",
  template: "plain",
  batch: 3,
} as const;
const dpo = { kind: "dpo", data: join(goldens, "rows/dpo.jsonl"), format: "pairs", batch: 2 } as const;

function config(out: string, changes: Partial<RunConfigInput> = {}): RunConfigInput {
  return {
    model: base,
    device: "cpu",
    order: "file",
    maxLength: 512,
    lora: { rank: 4, alpha: 8, targets: ["query_key_value", "dense"] },
    objectives: { sft, dpo },
    policy: { name: "alright", lambda: 0.5 },
    optimizer: { lr: 1e-2 },
    steps: 4,
    out: join(root, out),
    ...changes,
  } as RunConfigInput;
}

interface Line {
  type: string;
  step: number;
  loss: number;
  gradNorm: number;
  parameters: number;
  trainable: number;
  rewards?: { margin: number };
}

interface RunOptions {
  onEvent?: (event: TrainEvent) => void;
  shouldStop?: () => boolean;
  resume?: boolean;
}

async function run(input: RunConfigInput, options: RunOptions = {}) {
  const resolved = parseConfig(input);
  const result = await train(resolved, options);
  const lines = readFileSync(join(resolved.out, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  return { out: result.out, lines, steps: lines.filter(({ type }) => type === "step") };
}

const numbers = (steps: Line[]) => steps.map(({ loss, gradNorm }) => [loss, gradNorm]);
const bytes = (...path: string[]) => readFileSync(join(...path));

function tensorsOf(path: string): Map<string, Float32Array> {
  const file = openSafetensors(path);
  const tensors = new Map([...file.tensors.keys()].map((name) => [name, file.readFloat32(name)]));
  file.close();
  return tensors;
}

/** Weights of base + all adapters of the list, by hand in float64. */
function sumOf(adapters: string[]): Map<string, Float64Array> {
  const weights = new Map(
    [...tensorsOf(join(base, "model.safetensors"))].map(([name, values]) => [
      name,
      Float64Array.from(values),
    ]),
  );
  for (const dir of adapters) {
    const { rank, alpha } = openAdapterDirectory(dir).config;
    const tensors = tensorsOf(join(dir, "adapter_model.safetensors"));
    for (const [name, b] of tensors) {
      if (!name.includes("lora_B")) continue;
      const a = tensors.get(name.replace("lora_B", "lora_A")) as Float32Array;
      const module = name.replace("base_model.model.", "").replace(".lora_B.weight", "");
      const weight = weights.get(`${module}.weight`) as Float64Array;
      const inner = a.length / rank;
      weight.forEach((_, i) => {
        for (let r = 0; r < rank; r++)
          weight[i] =
            (weight[i] as number) +
            (alpha / rank) *
              (b[Math.floor(i / inner) * rank + r] as number) *
              (a[r * inner + (i % inner)] as number);
      });
    }
  }
  return weights;
}

function expectWeights(file: string, wanted: Map<string, Float64Array>): void {
  const given = tensorsOf(file);
  expect(new Set(given.keys())).toEqual(new Set(wanted.keys()));
  for (const [name, values] of wanted)
    expect(largestError(given.get(name) as Float32Array, values), name).toBeLessThan(1e-5);
}

function largestError(given: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < wanted.length; i++)
    largest = Math.max(largest, Math.abs((given[i] as number) - (wanted[i] as number)));
  return largest;
}

describe("a LoRA run", () => {
  it("trains adapters alone: only they are in checkpoints, and the rest of the saved model keeps its bits", async () => {
    const { out, lines, steps } = await run(config("plain"));
    expect(steps[3]?.loss).not.toBe(steps[0]?.loss);
    const layers = 2 * (4 * 64 + 192 * 4 + 4 * 64 + 64 * 4);
    expect(lines[0]).toMatchObject({ type: "start", trainable: layers });
    expect(lines[0]?.parameters).toBeGreaterThan(layers);
    const adapter = tensorsOf(join(out, "adapter/adapter_model.safetensors"));
    expect(adapter.size).toBe(8);
    const weights = tensorsOf(join(out, "checkpoints/step-4/weights.safetensors"));
    const moments = tensorsOf(join(out, "checkpoints/step-4/optimizer.safetensors"));
    expect([...weights.keys()].sort()).toEqual([...adapter.keys()].sort());
    expect(moments.size).toBe(2 * adapter.size);
    for (const [name, values] of adapter) expect(weights.get(name)).toEqual(values);

    const before = tensorsOf(join(base, "model.safetensors"));
    const after = tensorsOf(join(out, "model/model.safetensors"));
    for (const [name, values] of before) {
      if (/(query_key_value|attention\.dense)\.weight$/.test(name))
        expect(after.get(name)).not.toEqual(values);
      else expect(after.get(name), name).toEqual(values);
    }
    expectWeights(join(out, "model/model.safetensors"), sumOf([join(out, "adapter")]));
    expect(openAdapterDirectory(join(out, "adapter")).config).toEqual({
      base,
      rank: 4,
      alpha: 8,
      dropout: 0,
      targets: ["query_key_value", "dense"],
    });
  });

  it("begins DPO with a margin of exactly 0, and shares reference log-probs with runs that train all weights", async () => {
    const policy = { name: "single", objective: "dpo" } as const;
    const asked = async (changes: Partial<RunConfigInput>, out: string) => {
      const stages = new Set<string>();
      const onEvent = (event: TrainEvent) => event.type === "progress" && stages.add(event.stage);
      const { steps } = await run(config(join("shared", out), { policy, ...changes }), { onEvent });
      expect(steps[0]?.rewards).toMatchObject({ margin: 0 });
      expect(steps[0]?.loss).toBeCloseTo(Math.LN2, 7);
      return stages.has("reference log-probs of dpo");
    };
    expect(await asked({}, "lora")).toBe(true);
    const { lora: _, ...all } = config("x", { policy });
    const full = await run({ ...all, out: join(root, "shared/full") } as RunConfigInput);
    expect(full.steps[0]?.rewards).toMatchObject({ margin: 0 });
    expect(await asked({ objectives: { dpo: { ...dpo, reference: base } } }, "named")).toBe(false);
    expect(readdirSync(join(root, "shared/.cache/references"))).toHaveLength(1);
  });

  it("gives the same bits on any number of threads, and stopped and resumed, with dropout", async () => {
    const lora = { rank: 4, alpha: 8, dropout: 0.3, targets: "all-linear" } as const;
    const changes = {
      lora,
      steps: 6,
      policy: { name: "mix", lambda: 0.5 },
      tokensPerMicroBatch: 80,
    } as const;
    const whole = await run(config("whole", { ...changes, threads: 1 }));
    const two = await run(config("two", { ...changes, threads: 2 }));
    expect(numbers(two.steps)).toEqual(numbers(whole.steps));
    let step = 0;
    const input = config("stopped", changes);
    const onEvent = (event: TrainEvent) => {
      if (event.type === "step") step = event.step;
    };
    await run(input, { onEvent, shouldStop: () => step >= 3 });
    const resumed = await run(input, { resume: true });
    expect(numbers(resumed.steps)).toEqual(numbers(whole.steps));
    for (const file of ["adapter/adapter_model.safetensors", "model/model.safetensors"])
      expect(bytes(resumed.out, file).equals(bytes(whole.out, file)), file).toBe(true);
    const without = await run(config("without", { ...changes, lora: { ...lora, dropout: 0 } }));
    expect(without.steps[0]?.loss).toBe(whole.steps[0]?.loss); // B is zero, whatever is dropped before it
    expect(without.steps[1]?.loss).not.toBe(whole.steps[1]?.loss);
  });

  it("works in bfloat16: margin 0 at first, adapters at full precision, the same bits when resumed", async () => {
    const lora = { rank: 4, alpha: 8, dropout: 0.1, targets: "all-linear" } as const;
    const changes = { lora, dtype: "bfloat16", policy: { name: "single", objective: "dpo" } } as const;
    const whole = await run(config("bf16/whole", changes));
    expect(whole.steps[0]?.rewards).toMatchObject({ margin: 0 });
    expect(whole.steps[3]?.rewards?.margin).not.toBe(0);
    let step = 0;
    const input = config("bf16/stopped", changes);
    const onEvent = (event: TrainEvent) => {
      if (event.type === "step") step = event.step;
    };
    await run(input, { onEvent, shouldStop: () => step >= 2 });
    const resumed = await run(input, { resume: true });
    expect(numbers(resumed.steps)).toEqual(numbers(whole.steps));
    const saved = tensorsOf(join(whole.out, "adapter/adapter_model.safetensors"));
    const narrow = [...saved.values()].every((values) =>
      values.every((value) => (new Uint32Array(Float32Array.of(value).buffer)[0] as number) << 16 === 0),
    );
    expect(narrow).toBe(false);
    expect(bytes(resumed.out, "adapter/adapter_model.safetensors")).toEqual(
      bytes(whole.out, "adapter/adapter_model.safetensors"),
    );
  });

  it("does not resume on another base", async () => {
    const model = join(root, "base-that-changes");
    cpSync(base, model, { recursive: true });
    const input = config("other-base", { model, policy: { name: "single", objective: "sft" } });
    let step = 0;
    const onEvent = (event: TrainEvent) => {
      if (event.type === "step") step = event.step;
    };
    await run(input, { onEvent, shouldStop: () => step >= 2 });
    const weights = join(model, "model.safetensors");
    const changed = readFileSync(weights);
    changed[changed.length - 2] = (changed[changed.length - 2] as number) ^ 1;
    writeFileSync(weights, changed);
    await expect(run(input, { resume: true })).rejects.toThrow(
      /step-2: the model that the adapters stand on changed since this checkpoint \(config: model\)/,
    );
  });

  it("writes no whole model where that is not wanted", async () => {
    const { out } = await run(config("unmerged", { lora: { rank: 2, merge: false } }));
    expect(readdirSync(out)).toContain("adapter");
    expect(readdirSync(out)).not.toContain("model");
    expect(openAdapterDirectory(join(out, "adapter")).config.targets).toBe("all-linear");
  });

  it("names the layers there are where a target is none", async () => {
    await expect(run(config("typo", { lora: { targets: ["q_proj"] } }))).rejects.toThrow(
      /^lora\.targets: there is no linear layer "q_proj"; there are query_key_value, dense, dense_h_to_4h, dense_4h_to_h/,
    );
  });
});

describe("later stages", () => {
  it("keep the earlier ones: base + both, in the model and in the one adapter that is saved", async () => {
    const first = await run(config("stage-1", { policy: { name: "single", objective: "dpo" } }));
    const lora = { rank: 3, alpha: 3, targets: ["query_key_value", "dense_4h_to_h"] };
    const policy = { name: "single", objective: "sft" } as const;
    const second = await run(config("stage-2", { model: join(first.out, "adapter"), lora, policy }));
    const saved = openAdapterDirectory(join(second.out, "adapter"));
    expect(saved.config.base).toBe(base);
    expect(saved.config.rank).toBe(7);
    expect(saved.config.rankPattern?.["gpt_neox.layers.0.attention.dense"]).toBe(4);

    // the second stage's own adapter, as its checkpoint holds it
    const own = tensorsOf(join(second.out, "checkpoints/step-4/weights.safetensors"));
    const wanted = sumOf([join(first.out, "adapter")]);
    for (const [name, b] of own) {
      if (!name.includes("lora_B")) continue;
      const a = own.get(name.replace("lora_B", "lora_A")) as Float32Array;
      const weight = wanted.get(`${name.slice("base_model.model.".length, -".lora_B.weight".length)}.weight`);
      const inner = a.length / 3;
      weight?.forEach((_, i) => {
        for (let r = 0; r < 3; r++)
          weight[i] =
            (weight[i] as number) +
            (b[Math.floor(i / inner) * 3 + r] as number) * (a[r * inner + (i % inner)] as number);
      });
    }
    expectWeights(join(second.out, "model/model.safetensors"), wanted);

    const byAdapter = loadModel(device, join(second.out, "adapter")).model;
    const whole = loadModel(device, join(second.out, "model")).model;
    whole.parameters.forEach((parameter, p) => {
      const given = byAdapter.parameters[p]?.toFloat32() as Float32Array;
      expect(largestError(given, parameter.toFloat32()), parameter.name).toBeLessThan(1e-6);
    });
    byAdapter.dispose();
    whole.dispose();
    const { model } = JSON.parse(readFileSync(join(second.out, "environment.json"), "utf8"));
    expect(model.base).toBe(base);
    expect(model.adapters).toEqual([{ dir: join(first.out, "adapter"), hash: expect.any(String) }]);
  });

  it("may go on with the same adapter, whose reference is where it stands now", async () => {
    const first = await run(config("from-1", { policy: { name: "single", objective: "sft" } }));
    const changes = {
      lora: { from: join(first.out, "adapter") },
      policy: { name: "single", objective: "dpo" },
    };
    const second = await run(config("from-2", changes as Partial<RunConfigInput>));
    expect(second.steps[0]?.rewards).toMatchObject({ margin: 0 });
    expect(openAdapterDirectory(join(second.out, "adapter")).config.rank).toBe(4);
    expectWeights(join(second.out, "model/model.safetensors"), sumOf([join(second.out, "adapter")]));
  });

  it("may train all weights from an adapter", async () => {
    const { lora: _, ...all } = config("full-after", { model: join(root, "stage-1/adapter") });
    const { out, steps } = await run(all as RunConfigInput);
    expect(steps).toHaveLength(4);
    expect(readdirSync(out)).not.toContain("adapter");
    expect(readdirSync(join(out, "model"))).toContain("tokenizer.json");
  });

  it("refuse an adapter of another base, a missing one, and one that is none", async () => {
    const from = join(root, "stage-1/adapter");
    const other = config("wrong-base", {
      model: join(goldens, "models/neox-nano-sequential-bf16"),
      lora: { from },
    });
    await expect(run(other)).rejects.toThrow(
      `lora.from: ${from} was trained on other weights than those of \`model\`; give the model that it was trained on`,
    );
    const golden = join(goldens, "expected/neox-nano-lora.adapter");
    await expect(run(config("no-base", { model: golden }))).rejects.toThrow(
      /its base "neox-nano" \(base_model_name_or_path\) is not there/,
    );
    expect(() => parseConfig(config("none", { lora: { from: base } }))).toThrow(
      `lora.from: holds no adapter (adapter_config.json): ${base}`,
    );
    expect(() => parseConfig(config("none", { lora: { from: join(root, "nowhere") } }))).toThrow(
      "lora.from: no such directory",
    );
  });

  it("take an adapter that peft saved", async () => {
    const from = join(goldens, "expected/neox-nano-lora.adapter");
    const policy = { name: "single", objective: "sft" } as const;
    const { out, steps } = await run(
      config("peft", { lora: { from }, policy, objectives: { sft: { ...sft, batch: 6 } } }),
    );
    const { loss } = JSON.parse(readFileSync(join(goldens, "expected/neox-nano-lora.fp64.json"), "utf8")).sft;
    expect(Math.abs((steps[0]?.loss as number) / loss - 1)).toBeLessThan(1e-6);
    expect(openAdapterDirectory(join(out, "adapter")).config.alpha).toBe(16);
  });
});

describe("memory", () => {
  it("of gradients and moments is that of the adapters; the base has none", () => {
    const { model } = loadModel(device, base, "pretrained", 0, { trainable: false });
    const lora = addLora(
      model,
      { rank: 4, alpha: 4, dropout: 0, targets: "all-linear" },
      { random: () => () => 0.5 },
      { trainable: true },
    );
    const before = device.memory().liveBytes;
    const optimizer = new AdamW(trainableParameters(model), {
      name: "adamw",
      lr: 1,
      betas: [0.9, 0.95],
      eps: 1e-8,
      weightDecay: 0,
      clip: 1,
    });
    for (const parameter of lora.parameters) parameter.gradient();
    const adapters = lora.parameters.reduce((sum, { count }) => sum + 4 * count, 0);
    const added = device.memory().liveBytes - before;
    expect(added).toBeGreaterThanOrEqual(3 * adapters);
    expect(added).toBeLessThan(3 * adapters + 64 * 3 * lora.parameters.length);
    expect(model.parameters.every(({ grad }) => grad === null)).toBe(true);
    optimizer.dispose();
    model.dispose();
  });
});

describe("dropout's seeds", () => {
  it("are whole numbers that differ by run, step, objective, micro-batch and adapter, and by nothing else", () => {
    const of = (seed: number, step: number, name: string, microBatch: number, adapter: number) =>
      dropoutSeeds(seed, step, name, microBatch)(adapter);
    const all = [of(1, 1, "a", 0, 0), of(2, 1, "a", 0, 0), of(1, 2, "a", 0, 0), of(1, 1, "b", 0, 0)];
    all.push(of(1, 1, "a", 1, 0), of(1, 1, "a", 0, 1));
    expect(new Set(all).size).toBe(6);
    expect(all.every(Number.isSafeInteger)).toBe(true);
    expect(of(1, 1, "a", 0, 0)).toBe(all[0]);
  });
});

it("an adapter whose file lacks a layer is refused by name", () => {
  const { model } = loadModel(device, base, "pretrained", 0, { trainable: false });
  const dir = join(root, "lacking");
  cpSync(join(goldens, "expected/neox-nano-lora.adapter"), dir, { recursive: true });
  const path = join(dir, "adapter_config.json");
  const json = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...json, target_modules: ["query_key_value", "dense"] }));
  expect(() => addAdapter(model, openAdapterDirectory(dir))).toThrow(
    `${dir}: the weights hold no tensor "base_model.model.gpt_neox.layers.0.attention.dense.lora_A.weight", which adapter_config.json asks for with shape [8, 64]`,
  );
  writeFileSync(path, JSON.stringify({ ...json, layers_to_transform: [0] }));
  expect(() => addAdapter(model, openAdapterDirectory(dir))).toThrow(
    'a tensor "base_model.model.gpt_neox.layers.1.attention.query_key_value.lora_A.weight" that adapter_config.json has no place for',
  );
  model.dispose();
});
