/** Low-rank adapters on whole models: where they go, what they change, and what they leave alone. */
import { counterRandom } from "@outright/data";
import {
  addLora,
  createModel,
  type JsonConfig,
  type LanguageModel,
  type LoraSettings,
  loraTargets,
  mergeLora,
  stackLora,
  trainableParameters,
} from "@outright/models";
import { Device, type Parameter, scope, Tape, Tensor } from "@outright/tensor";
import { afterAll, afterEach, describe, expect, it } from "vitest";

const device = Device.open({ backend: "cpu" });
afterAll(() => device.close());

const llama: JsonConfig = {
  model_type: "llama",
  vocab_size: 13,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  initializer_range: 0.3,
};
const neox: JsonConfig = { ...llama, model_type: "gpt_neox" };
const random = { random: (stream: string) => counterRandom(7, stream) };
const settings: LoraSettings = { rank: 3, alpha: 6, dropout: 0, targets: "all-linear" };

const open: LanguageModel[] = [];
afterEach(() => {
  for (const model of open.splice(0)) model.dispose();
});
function frozen(config: JsonConfig, dtype: "float32" | "bfloat16" = "float32"): LanguageModel {
  const model = createModel(device, config, random, { trainable: false, dtype });
  open.push(model);
  return model;
}

/** The same adapters with B drawn as well, so that they do something. */
function adapted(config: JsonConfig, changes: Partial<LoraSettings> = {}): LanguageModel {
  const model = frozen(config);
  const lora = addLora(model, { ...settings, ...changes }, random, { trainable: true });
  for (const { b } of lora.adapters) {
    const uniform = counterRandom(8, b.name);
    b.write(Float32Array.from({ length: b.count }, (_, i) => uniform(i) - 0.5));
  }
  return model;
}

const ids = Int32Array.of(1, 5, 2, 12, 7, 0);
const input = () => ({
  ids: Tensor.from(device, ids),
  positions: Tensor.from(device, Int32Array.from(ids.keys())),
  start: Tensor.from(device, new Int32Array(ids.length)),
  skipFrom: Tensor.from(device, new Int32Array(ids.length)),
  skipTo: Tensor.from(device, new Int32Array(ids.length)),
  maxPosition: ids.length - 1,
});
const hidden = (model: LanguageModel) => scope(() => model.hiddenStates(input()).toFloat32());
const weights = Float32Array.from({ length: ids.length * 8 }, (_, i) => Math.sin(i + 1));
/** Σ weights · hidden, by which gradients are checked */
const weighted = (model: LanguageModel) =>
  hidden(model).reduce((sum, value, i) => sum + value * (weights[i] as number), 0);
function backward(model: LanguageModel): void {
  for (const parameter of trainableParameters(model)) parameter.zeroGradient();
  scope(() => {
    const tape = new Tape();
    const y = tape.record(() => model.hiddenStates(input()));
    tape.backward(y, Tensor.from(device, weights, [ids.length, 8]));
  });
}
const bits = (parameter: Parameter) => [...parameter.toFloat32()];

describe("targets", () => {
  const names = (config: JsonConfig, changes: Partial<LoraSettings>) =>
    loraTargets(frozen(config), { ...settings, ...changes }).map(({ linear }) => linear.name);

  it("all-linear is every linear layer of every block, and not the head", () => {
    expect(names(neox, {})).toHaveLength(8);
    expect(names(llama, {})).toHaveLength(14);
    expect(names(llama, { targets: "ALL-LINEAR" })).toHaveLength(14);
  });
  it("names match as ends at a dot, or whole", () => {
    expect(names(neox, { targets: ["attention.dense"] })).toEqual([
      "gpt_neox.layers.0.attention.dense",
      "gpt_neox.layers.1.attention.dense",
    ]);
    expect(names(llama, { targets: ["model.layers.1.mlp.up_proj", "q_proj"] })).toEqual([
      "model.layers.0.self_attn.q_proj",
      "model.layers.1.self_attn.q_proj",
      "model.layers.1.mlp.up_proj",
    ]);
  });
  it("a text is a regular expression over whole names, in Python's spelling too", () => {
    expect(names(llama, { targets: String.raw`.*\.1\..*(?P<which>q|v)_proj` })).toEqual([
      "model.layers.1.self_attn.q_proj",
      "model.layers.1.self_attn.v_proj",
    ]);
  });
  it("exclusions and blocks narrow them", () => {
    expect(names(neox, { exclude: ["dense", "dense_h_to_4h", "dense_4h_to_h"], layers: [1] })).toHaveLength(
      1 + 1,
    );
    expect(
      names(neox, {
        targets: ["query_key_value", "dense"],
        exclude: String.raw`.*\.0\..*dense`,
        layers: [0],
      }),
    ).toEqual(["gpt_neox.layers.0.attention.query_key_value"]);
    expect(names(neox, { targets: ["dense"], layers: [1], layersPattern: ["layers"] })).toEqual([
      "gpt_neox.layers.1.attention.dense",
    ]);
  });
  it("rank and alpha follow patterns; rsLoRA divides by the root", () => {
    const targets = loraTargets(frozen(neox), {
      ...settings,
      targets: ["query_key_value", "dense"],
      rankPattern: { "layers.1.attention.dense": 12 },
      alphaPattern: { query_key_value: 24 },
    });
    expect(targets.map(({ rank, scale }) => [rank, scale])).toEqual([
      [3, 8],
      [3, 2],
      [3, 8],
      [12, 0.5],
    ]);
    const [first] = loraTargets(frozen(neox), { ...settings, rank: 4, rsLora: true });
    expect(first?.scale).toBe(3);
  });

  const there =
    'there are query_key_value, dense, dense_h_to_4h, dense_4h_to_h (in full e.g. gpt_neox.layers.0.attention.query_key_value), and "all-linear"';
  it.each([
    [["q_proj"], `there is no linear layer "q_proj"; ${there}`],
    [["query_key_value", "value"], `there is no linear layer "value"; ${there}`],
    [["embed_out"], `"embed_out" cannot be adapted: embeddings and the output head stay frozen; ${there}`],
    [
      "dense",
      `no linear layer's whole name matches "dense" (to name layers, give a list: [dense]); ${there}`,
    ],
    ["(", "the regular expression ^(?:()$ cannot be read"],
    [String.raw`.*dense\Z`, String.raw`uses \A or \Z; leave them out`],
  ])("%s is refused in one line that says what there is", (targets, message) => {
    expect(() => names(neox, { targets })).toThrow(message);
  });
  it("no layer left is an error too", () => {
    expect(() => names(neox, { targets: ["dense"], exclude: ["dense"] })).toThrow(
      "no layer is left to adapt",
    );
  });
});

describe("new adapters", () => {
  it("draw A uniformly within 1/√in by seed, and begin with B zero", () => {
    const wide = { ...neox, hidden_size: 64, intermediate_size: 100 };
    const lora = addLora(frozen(wide), { ...settings, rank: 32 }, random, { trainable: true });
    const again = addLora(frozen(wide), { ...settings, rank: 32 }, random, { trainable: true });
    lora.adapters.forEach(({ a, b }, i) => {
      const bound = 1 / Math.sqrt(a.shape[1] as number);
      const values = bits(a);
      for (const extreme of [-Math.min(...values), Math.max(...values)]) {
        expect(extreme).toBeLessThanOrEqual(bound);
        expect(extreme).toBeGreaterThan(0.95 * bound);
      }
      expect(Math.max(...bits(b).map(Math.abs))).toBe(0);
      expect(bits(again.adapters[i]?.a as Parameter)).toEqual(values);
    });
    expect(bits(lora.adapters[0]?.a as Parameter)).not.toEqual(bits(lora.adapters[4]?.a as Parameter));
  });

  for (const dtype of ["float32", "bfloat16"] as const)
    it(`change no bit of the forward pass in ${dtype}, on or off`, () => {
      for (const config of [llama, neox]) {
        const plain = hidden(frozen(config, dtype));
        const model = frozen(config, dtype);
        const lora = addLora(model, settings, random, { trainable: true });
        expect(lora.parameters[0]?.dtype).toBe(dtype);
        expect(hidden(model)).toEqual(plain);
        lora.enabled = false;
        expect(hidden(model)).toEqual(plain);
      }
    });

  it("are not put on twice", () => {
    expect(() => addLora(adapted(neox), settings, random, { trainable: true })).toThrow(
      "has adapters already",
    );
  });
});

describe("trained adapters", () => {
  it("off, leave the base bit for bit; on, they matter", () => {
    for (const config of [llama, neox]) {
      const model = adapted(config);
      const plain = hidden(frozen(config));
      expect(hidden(model)).not.toEqual(plain);
      if (model.lora !== null) model.lora.enabled = false;
      expect(hidden(model)).toEqual(plain);
    }
  });

  it("merged, give what they gave in each layer", () => {
    for (const config of [llama, neox]) {
      const model = adapted(config, { alpha: 1.5 });
      const before = hidden(model);
      const live = device.memory().liveBuffers;
      mergeLora(model);
      expect(model.lora).toBeNull();
      expect(device.memory().liveBuffers).toBeLessThan(live);
      hidden(model).forEach((value, i) => expect(Math.abs(value - (before[i] as number))).toBeLessThan(2e-5));
    }
  });

  it("get the gradients of finite differences through every layer; the base gets none and keeps its bits", () => {
    for (const config of [llama, neox]) {
      const model = adapted(config, { alpha: 1.5 });
      const before = model.parameters.map(bits);
      backward(model);
      for (const parameter of trainableParameters(model)) {
        const gradient = parameter.gradient().toFloat32();
        const scale = Math.max(...gradient.map(Math.abs));
        expect(scale, parameter.name).toBeGreaterThan(0);
        const base = parameter.toFloat32();
        for (const i of [0, Math.floor(base.length / 2), base.length - 1]) {
          const at = (delta: number) => {
            parameter.write(Float32Array.of((base[i] as number) + delta), i);
            return weighted(model);
          };
          const slope = (at(4e-3) - at(-4e-3)) / 8e-3;
          parameter.write(base);
          expect(Math.abs(slope - (gradient[i] as number)), `${parameter.name}[${i}]`).toBeLessThan(
            2e-2 * scale,
          );
        }
      }
      expect(model.parameters.every(({ grad, requiresGrad }) => grad === null && !requiresGrad)).toBe(true);
      expect(model.parameters.map(bits)).toEqual(before);
    }
  });

  it("drop inputs only where seeds are set, the same for the same seeds, also when blocks are computed again", () => {
    for (const config of [llama, neox]) {
      const model = adapted(config, { dropout: 0.5 });
      const lora = model.lora;
      if (lora === null) throw new Error("no adapters");
      const plain = hidden(model);
      expect(plain).toEqual(hidden(adapted(config)));
      lora.dropoutSeeds = (adapter) => 1000 + adapter;
      expect(hidden(model)).not.toEqual(plain);
      const gradients = () => {
        backward(model);
        return trainableParameters(model).map((parameter) => [...parameter.gradient().toFloat32()]);
      };
      const kept = gradients();
      for (const recompute of ["attention", "block"] as const) {
        model.recompute = recompute;
        expect(gradients()).toEqual(kept);
      }
      lora.dropoutSeeds = (adapter) => 2000 + adapter;
      expect(gradients()).not.toEqual(kept);
    }
  });
});

describe("stacked adapters", () => {
  it("add up to both, with a rank for each layer", () => {
    const one = adapted(neox, { targets: ["query_key_value", "dense"], rank: 2, alpha: 3 });
    const two = adapted(neox, { targets: ["dense", "dense_h_to_4h"], rank: 3, alpha: 2 });
    const part = ({ lora }: LanguageModel) => {
      if (lora === null) throw new Error("no adapters");
      const tensors = new Map(lora.parameters.map((parameter) => [parameter.name, parameter]));
      return {
        settings: lora.settings,
        read: (name: string) => tensors.get(name)?.toFloat32() as Float32Array,
      };
    };
    const model = frozen(neox);
    const stacked = stackLora(model, [part(one), part(two)]);
    expect(stacked.settings.targets).toEqual(["query_key_value", "dense", "dense_h_to_4h"]);
    const tensors = new Map(stacked.tensors.map((tensor) => [tensor.name, tensor]));
    const from = {
      names: () => [...tensors.keys()],
      info: (name: string) => ({ shape: tensors.get(name)?.shape ?? [], dtype: "F32" }),
      eachFloat32: (name: string, store: (part: Float32Array, at: number) => void) =>
        store(tensors.get(name)?.data() as Float32Array, 0),
    };
    const lora = addLora(model, stacked.settings, { from }, { trainable: false });
    expect(lora.adapters.map(({ a }) => a.shape[0])).toEqual([2, 5, 3, 2, 5, 3]);

    const sum = new Map<string, Float32Array>();
    for (const source of [one, two])
      for (const { linear, scale, a, b } of source.lora?.adapters ?? []) {
        const [B, A, rank, inner] = [
          b.toFloat32(),
          a.toFloat32(),
          a.shape[0] as number,
          a.shape[1] as number,
        ];
        const delta = sum.get(linear.name) ?? new Float32Array(linear.weight.count);
        delta.forEach((_, i) => {
          for (let r = 0; r < rank; r++)
            delta[i] =
              (delta[i] as number) +
              scale *
                (B[Math.floor(i / inner) * rank + r] as number) *
                (A[r * inner + (i % inner)] as number);
        });
        sum.set(linear.name, delta);
      }
    for (const adapter of lora.adapters) {
      const base = adapter.linear.weight.toFloat32();
      adapter.merged().forEach((value, i) => {
        const wanted = (base[i] as number) + (sum.get(adapter.linear.name)?.[i] as number);
        expect(Math.abs(value - wanted)).toBeLessThan(1e-5);
      });
    }
  });
});
