/** Generation with a cache is held to the clear version, which computes every row anew. */
import { fileURLToPath } from "node:url";
import { counterRandom } from "@outright/data";
import { generateByRecomputing, generateIds } from "@outright/eval";
import { addLora, type LanguageModel } from "@outright/models";
import { loadModel, openDevice } from "@outright/trainer";
import { describe, expect, it } from "vitest";

const model = (name: string) =>
  fileURLToPath(new URL(`../../../../test/goldens/models/${name}`, import.meta.url));
const NONE = -1; // no token ends a text
const PROMPTS = [[5, 9, 301], [7], Array.from({ length: 90 }, (_, i) => (i * 37) % 511), [5, 9, 302, 11]];

function withModel(
  name: string,
  dtype: "float32" | "bfloat16",
  body: (model: LanguageModel) => void,
  threads = 2,
): void {
  const device = openDevice({ device: "cpu", threads });
  try {
    const loaded = loadModel(device, model(name), "pretrained", 0, { dtype, trainable: false });
    body(loaded.model);
    loaded.model.dispose();
    expect(device.memory().liveBuffers).toBe(0);
  } finally {
    device.close();
  }
}

describe.each(["llama-nano", "llama-nano-tied", "neox-nano", "neox-nano-sequential-bf16"])("%s", (name) => {
  it.each(["float32", "bfloat16"] as const)("greedily: the tokens of the recomputed text, in %s", (dtype) => {
    withModel(name, dtype, (model) => {
      const clear = generateByRecomputing(model, PROMPTS, NONE, 40);
      const cached = generateIds(model, PROMPTS, NONE, { maxTokens: 40 });
      expect(cached.map(({ ids }) => ids)).toEqual(clear);
      expect(cached.map(({ end }) => end)).toEqual(["length", "length", "length", "length"]);
    });
  });

  it("a batch is what each prompt is alone, also by draws, in small steps and in a cache with room for one", () => {
    withModel(name, "float32", (model) => {
      const options = { maxTokens: 24, temperature: 1, topP: 0.95, topK: 100, seed: 3 };
      const whole = generateIds(model, PROMPTS, NONE, options);
      expect(generateIds(model, PROMPTS, NONE, { ...options, tokensPerStep: 7 })).toEqual(whole);
      expect(generateIds(model, PROMPTS, NONE, { ...options, cacheBytes: 1 })).toEqual(whole);
      expect(generateIds(model, PROMPTS.slice(0, 1), NONE, options)[0]).toEqual(whole[0]);
      expect(generateIds(model, PROMPTS, NONE, { ...options, seed: 4 })).not.toEqual(whole);
    });
  });
});

it("the same with adapters", () => {
  withModel("llama-nano", "float32", (model) => {
    const random = { random: (stream: string) => counterRandom(5, stream) };
    const before = generateIds(model, PROMPTS, NONE, { maxTokens: 20 });
    const lora = addLora(model, { rank: 4, alpha: 32, dropout: 0, targets: "all-linear" }, random, {
      trainable: false,
    });
    // as they begin they change nothing
    for (const parameter of lora.weights.parameters.filter(({ name }) => name.includes("lora_B")))
      parameter.write(Float32Array.from({ length: parameter.count }, (_, i) => Math.sin(i) / 4));
    expect(generateIds(model, PROMPTS, NONE, { maxTokens: 20 })).not.toEqual(before);
    const clear = generateByRecomputing(model, PROMPTS, NONE, 20);
    expect(generateIds(model, PROMPTS, NONE, { maxTokens: 20 }).map(({ ids }) => ids)).toEqual(clear);
  });
});

it("the number of threads shows in no token", () => {
  const made: unknown[] = [];
  for (const threads of [1, 2])
    withModel(
      "neox-nano",
      "float32",
      (model) => made.push(generateIds(model, PROMPTS, NONE, { maxTokens: 30, temperature: 1.2 })),
      threads,
    );
  expect(made[1]).toEqual(made[0]);
});

describe("a text ends", () => {
  it("at the end token, which is left out, while others go on", () => {
    withModel("llama-nano", "float32", (model) => {
      const free = generateIds(model, PROMPTS, NONE, { maxTokens: 30 });
      const eos = free[0]?.ids[4] as number;
      const told: number[] = [];
      const ended = generateIds(model, PROMPTS, eos, {
        maxTokens: 30,
        onProgress: (active) => told.push(active),
      });
      for (const [i, { ids, end }] of ended.entries()) {
        const at = (free[i]?.ids ?? []).indexOf(eos);
        expect(ids).toEqual(at < 0 ? free[i]?.ids : free[i]?.ids.slice(0, at));
        expect(end).toBe(at < 0 ? "length" : "eos");
      }
      expect(told.at(-1)).toBe(0);
    });
  });

  it("at the model's last position", () => {
    withModel("neox-nano", "float32", (model) => {
      const most = model.maxPositions as number;
      const prompt = Array.from({ length: most - 3 }, (_, i) => i % 500);
      const [made] = generateIds(model, [prompt], NONE, { maxTokens: 100 });
      expect(made?.ids).toHaveLength(4); // the last one is made at the last position
      expect(made?.end).toBe("length");
      expect(() => generateIds(model, [[1], [...prompt, 1, 2, 3, 4]], NONE, { maxTokens: 1 })).toThrow(
        `prompt 1 has ${most + 1} tokens; the model was made for ${most} (max_position_embeddings)`,
      );
    });
  });

  it("when it is told to", () => {
    withModel("llama-nano", "float32", (model) => {
      const told: [number, number][] = [];
      const made = generateIds(model, PROMPTS.slice(0, 2), NONE, {
        maxTokens: 10,
        onToken: (prompt, id) => told.push([prompt, id]) > 4 && prompt === 1,
      });
      expect(made[1]?.end).toBe("stop");
      expect(made[1]?.ids).toHaveLength(3);
      expect(made[0]?.ids).toHaveLength(10);
      expect(told).toHaveLength(13);
    });
  });
});

it("refuses what means nothing in one line", () => {
  withModel("llama-nano", "float32", (model) => {
    const refused =
      (options: object, prompts = [[1]]) =>
      () =>
        generateIds(model, prompts, NONE, { maxTokens: 1, ...options });
    expect(refused({}, [[1], []])).toThrow("prompt 1 has no tokens");
    expect(refused({ temperature: -1 })).toThrow("temperature: must be 0 or more; got -1");
    expect(refused({ topK: 1.5 })).toThrow("topK: must be a whole number");
    expect(refused({ topP: 0 })).toThrow("topP: must be above 0 and at most 1; got 0");
    expect(generateIds(model, [], NONE, { maxTokens: 1 })).toEqual([]);
  });
});
