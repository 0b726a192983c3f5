import { counterRandom } from "@outright/data";
import { createModel, type JsonConfig, readLlamaConfig, rotaryFrequencies } from "@outright/models";
import { Device } from "@outright/tensor";
import { afterAll, describe, expect, it } from "vitest";

const device = Device.open({ backend: "cpu" });
afterAll(() => device.close());

const llama: JsonConfig = {
  model_type: "llama",
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 2,
};
const neox: JsonConfig = {
  model_type: "gpt_neox",
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 2,
};
const random = { random: (stream: string) => counterRandom(7, stream) };

/** A weight source that holds what `change` makes of a random model's own tensors. */
function source(config: JsonConfig, change: (tensors: Map<string, number[]>) => void) {
  const model = createModel(device, config, random);
  const tensors = new Map(model.parameters.map(({ name, shape }) => [name, [...shape]]));
  model.dispose();
  change(tensors);
  return {
    from: {
      names: () => [...tensors.keys()],
      info: (name: string) => ({ shape: tensors.get(name) as number[], dtype: "F32" }),
      eachFloat32: (name: string, store: (part: Float32Array, at: number) => void) =>
        store(new Float32Array((tensors.get(name) as number[]).reduce((a, b) => a * b, 1)), 0),
    },
  };
}

describe("weights that do not fit are refused by name", () => {
  const load =
    (change: (tensors: Map<string, number[]>) => void, config = llama) =>
    () =>
      createModel(device, config, source(config, change));

  it("missing", () => {
    expect(load((tensors) => tensors.delete("model.norm.weight"))).toThrow(
      'no tensor "model.norm.weight", which config.json asks for with shape [8]',
    );
  });
  it("wrong shape", () => {
    expect(load((tensors) => tensors.set("lm_head.weight", [11, 9]))).toThrow(
      'tensor "lm_head.weight" has shape [11, 9], config.json asks for [11, 8]',
    );
  });
  it("unknown", () => {
    expect(load((tensors) => tensors.set("model.layers.1.mlp.up_proj.weight", [2]))).toThrow(
      'a tensor "model.layers.1.mlp.up_proj.weight" that config.json has no place for',
    );
  });
  it("but buffers of older exports are passed over", () => {
    const change = (tensors: Map<string, number[]>) =>
      tensors.set("gpt_neox.layers.0.attention.masked_bias", [1]);
    expect(() => load(change, neox)().dispose()).not.toThrow();
  });
  it("and leave no memory behind", () => {
    const before = device.memory().liveBuffers;
    expect(load((tensors) => tensors.delete("lm_head.weight"))).toThrow();
    expect(device.memory().liveBuffers).toBe(before);
  });
});

describe("config.json", () => {
  const cases: [string, JsonConfig, string][] = [
    ["no model_type", {}, "model_type is missing"],
    [
      "unsupported architecture",
      { model_type: "mamba" },
      'model_type "mamba" is not supported; supported are "llama" and "gpt_neox"',
    ],
    ["missing size", { ...llama, hidden_size: undefined }, '"hidden_size" must be a number, it is missing'],
    ["fractional size", { ...llama, num_hidden_layers: 1.5 }, '"num_hidden_layers" must be a whole number'],
    ["heads that do not divide", { ...llama, num_attention_heads: 3 }, "8 is not a multiple of 3"],
    ["key heads that do not divide", { ...llama, num_key_value_heads: 3 }, "2 is not a multiple of 3"],
    ["other activation", { ...llama, hidden_act: "gelu" }, '"hidden_act": "gelu" is not supported'],
    ["sliding window", { ...llama, sliding_window: 128 }, "sliding windows are not implemented"],
    [
      "other scaling",
      { ...llama, rope_scaling: { rope_type: "yarn" } },
      'rope scaling "yarn" is not supported',
    ],
    [
      "other NeoX activation",
      { ...neox, hidden_act: "relu" },
      'hidden_act "relu" is not supported for GPT-NeoX',
    ],
  ];
  for (const [name, config, message] of cases) {
    it(`${name} is refused in one line`, () => {
      expect(() => createModel(device, config, random)).toThrow(message);
    });
  }

  it("reads the newer rope_parameters like the older keys", () => {
    const older = readLlamaConfig({ ...llama, rope_theta: 5e5, rope_scaling: { type: "linear", factor: 2 } });
    const newer = readLlamaConfig({
      ...llama,
      rope_parameters: { rope_type: "linear", rope_theta: 5e5, factor: 2 },
    });
    expect(newer).toEqual(older);
  });
});

describe("random weights", () => {
  it("are the same for the same seed, differ by parameter, and have the config's spread", () => {
    const config = { ...llama, vocab_size: 5000, initializer_range: 0.5 };
    const [a, b] = [createModel(device, config, random), createModel(device, config, random)];
    const embedding = a.parameters[0]?.toFloat32() as Float32Array;
    expect(b.parameters[0]?.toFloat32()).toEqual(embedding);
    expect(a.head.toFloat32().slice(0, 8)).not.toEqual(embedding.slice(0, 8));
    const mean = embedding.reduce((sum, x) => sum + x, 0) / embedding.length;
    const std = Math.sqrt(embedding.reduce((sum, x) => sum + (x - mean) ** 2, 0) / embedding.length);
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(std).toBeCloseTo(0.5, 1);
    a.dispose();
    b.dispose();
  });
});

describe("rotary frequencies", () => {
  it("llama3 scaling keeps short wavelengths, divides long ones, blends between", () => {
    const plain = rotaryFrequencies(64, 5e5, null);
    const scaled = rotaryFrequencies(64, 5e5, {
      type: "llama3",
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositions: 8192,
    });
    const ratio = plain.map((frequency, i) => frequency / (scaled[i] as number));
    expect(ratio[0]).toBe(1);
    expect(ratio.at(-1)).toBeCloseTo(8, 12);
    expect(ratio.some((r) => r > 1.01 && r < 7.99)).toBe(true);
    for (let i = 1; i < ratio.length; i++)
      expect(ratio[i]).toBeGreaterThanOrEqual((ratio[i - 1] as number) - 1e-12);
  });
});
