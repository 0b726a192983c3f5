/** peft's adapter directories, and the chain of bases they stand on. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  hashModelChain,
  hashModelDirectory,
  openAdapterDirectory,
  openModelChain,
  openSafetensors,
  type PeftLoraConfig,
  peftConfigJson,
  readPeftConfig,
  saveAdapterDirectory,
  tokenizerDirectory,
} from "@outright/checkpoint";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "./temporary.js";

const goldens = join(import.meta.dirname, "../../../test/goldens");
const golden = join(goldens, "expected/neox-nano-lora.adapter");
const base = join(goldens, "models/neox-nano");
const root = temporaryDirectory();

const goldenJson = JSON.parse(readFileSync(join(golden, "adapter_config.json"), "utf8"));

describe("adapter_config.json", () => {
  it("as peft writes it is read whole", () => {
    expect(openAdapterDirectory(golden).config).toEqual({
      base: "neox-nano",
      rank: 8,
      alpha: 16,
      dropout: 0,
      targets: ["query_key_value"],
    });
  });

  it("goes out and in again with every setting", () => {
    const config: PeftLoraConfig = {
      base: "/models/base",
      rank: 4,
      alpha: 7.5,
      dropout: 0.25,
      targets: String.raw`.*\.(q|v)_proj`,
      exclude: ["lm_head"],
      layers: [0, 2],
      layersPattern: ["layers"],
      rsLora: true,
      rankPattern: { "layers.0": 8 },
      alphaPattern: { q_proj: 3 },
    };
    const json = JSON.parse(JSON.stringify(peftConfigJson(config)));
    expect(readPeftConfig(json, "x")).toEqual(config);
  });

  it.each([
    ["peft_type", "LOHA", 'must be LORA, it is "LOHA"'],
    ["task_type", "SEQ_CLS", '"SEQ_CLS" is not supported; only CAUSAL_LM is'],
    ["bias", "all", '"all" is not supported: biases stay the base\'s'],
    ["init_lora_weights", "pissa", "such an adapter belongs to a changed base"],
    ["use_dora", true, "true is not supported: DoRA adds a magnitude"],
    ["lora_bias", true, "B would have a bias"],
    ["fan_in_fan_out", true, "weights would be stored transposed"],
    ["modules_to_save", ["lm_head"], '["lm_head"] is not supported: whole layers would be trained'],
    ["target_parameters", ["x"], "bare parameters would be adapted"],
    ["trainable_token_indices", [1], "rows of the embedding would be trained"],
    ["layer_replication", [[0, 2]], "layers would be repeated"],
    ["something_new", "on", '"on" is not supported: not known here'],
    ["r", 0, "must be a whole number of at least 1, it is 0"],
    ["lora_alpha", null, "must be a number above 0, it is null"],
    ["lora_dropout", 1, "must be a number, 0 or more and below 1, it is 1"],
    ["target_modules", null, "is missing"],
    ["rank_pattern", { q: 0 }, "must be a whole number of at least 1"],
    ["layers_to_transform", ["0"], "must be a whole number or a list of them"],
  ])("refuses %s: %j in one line with file and key", (key, value, message) => {
    const read = () => readPeftConfig({ ...goldenJson, [key]: value }, "dir/adapter_config.json");
    expect(read).toThrow(`dir/adapter_config.json: "${key}`);
    expect(read).toThrow(message);
  });

  it("passes over what says nothing, and what only starts or describes", () => {
    for (const [key, value] of [
      ["unknown", null],
      ["unknown", []],
      ["revision", "main"],
      ["auto_mapping", { parent_library: "x" }],
      ["init_lora_weights", "gaussian"],
    ] as const)
      expect(readPeftConfig({ ...goldenJson, [key]: value }, "x").rank).toBe(8);
  });
});

const tensors = (rows = 2) => [
  {
    name: "base_model.model.gpt_neox.layers.0.attention.dense.lora_A.weight",
    dtype: "F32" as const,
    shape: [rows, 64],
    data: () => new Float32Array(rows * 64).fill(rows),
  },
];
function save(name: string, on: string, baseHash: string, rows = 2): string {
  const dir = join(root, name);
  const config = { base: on, rank: rows, alpha: 4, dropout: 0, targets: ["dense"] };
  saveAdapterDirectory(dir, { config, tensors: tensors(rows), baseHash });
  return dir;
}

describe("an adapter directory", () => {
  it("is written whole, replaced by another, and never over other files", () => {
    const dir = save("written", base, "h");
    const first = openAdapterDirectory(dir);
    expect(first.baseHash).toBe("h");
    const file = first.open();
    expect(file.readFloat32(tensors()[0]?.name as string)[0]).toBe(2);
    file.close();
    save("written", base, "h", 3);
    expect(openAdapterDirectory(dir).hash).not.toBe(first.hash);
    writeFileSync(join(dir, "notes.txt"), "");
    expect(() => save("written", base, "h")).toThrow(
      `${dir}: holds "notes.txt", which is no part of a model`,
    );
  });

  it("has a hash that moving it, or its base, does not change", () => {
    const dir = save("here", base, "h");
    const moved = save("there", "/elsewhere", "h");
    expect(openAdapterDirectory(moved).hash).toBe(openAdapterDirectory(dir).hash);
  });

  it("that is missing or incomplete is told in one line", () => {
    expect(() => openAdapterDirectory(join(root, "none"))).toThrow("none: there is no such directory");
    const run = join(root, "run");
    save("run/adapter", base, "h");
    expect(() => openAdapterDirectory(run)).toThrow(`did you mean ${join(run, "adapter")}?`);
    const pickled = save("pickled", base, "h");
    rmSync(join(pickled, "adapter_model.safetensors"));
    expect(() => openAdapterDirectory(pickled)).toThrow(
      "adapter_model.safetensors: there is no such file; copy",
    );
    writeFileSync(join(pickled, "adapter_model.bin"), "");
    expect(() => openAdapterDirectory(pickled)).toThrow("pickle format and is not read");
  });
});

describe("a chain of bases", () => {
  const hash = hashModelDirectory(base);
  it("of a plain model is the model, under the same hash", () => {
    const chain = openModelChain(base);
    expect(chain).toEqual({ base, adapters: [], tokenizer: base });
    expect(hashModelChain(chain)).toBe(hash);
  });

  it("is followed to the bottom, in the order the adapters were trained", () => {
    const first = save("first", base, hash);
    const second = save("second", first, hashModelChain(openModelChain(first)), 3);
    const chain = openModelChain(second);
    expect(chain.base).toBe(base);
    expect(chain.adapters.map(({ dir }) => dir)).toEqual([first, second]);
    expect(chain.tokenizer).toBe(base);
    expect(tokenizerDirectory(second)).toBe(base);
    expect(hashModelChain(chain)).not.toBe(hashModelChain(openModelChain(first)));
  });

  it("reads the base that is named in place of the adapter's own, and a relative one from the adapter", () => {
    expect(openModelChain(golden, base).base).toBe(base);
    cpSync(base, join(root, "near/base"), { recursive: true });
    mkdirSync(join(root, "near"), { recursive: true });
    expect(openModelChain(save("near/adapter", "../base", hash)).base).toBe(join(root, "near/base"));
  });

  it("that breaks is told in one line that says what to do", () => {
    expect(() => openModelChain(golden)).toThrow(
      `${join(golden, "adapter_config.json")}: its base "neox-nano" (base_model_name_or_path) is not there; put it there, or merge the adapter with \`outright export --adapter ${golden} --model BASE --out DIR\``,
    );
    const changed = save("changed", base, "another hash");
    expect(() => openModelChain(changed)).toThrow(
      `${changed}: was trained on other weights than those in ${base}`,
    );
    const loop = save("loop", join(root, "loop"), hash);
    expect(() => openModelChain(loop)).toThrow(`its chain of bases leads back to ${loop}`);
    const both = save("both", base, hash);
    cpSync(join(base, "model.safetensors"), join(both, "model.safetensors"));
    expect(() => openModelChain(both)).toThrow(
      "holds both an adapter (adapter_config.json) and a whole model",
    );
  });
});

it("peft's own file opens", () => {
  const file = openSafetensors(join(golden, "adapter_model.safetensors"));
  expect([...file.tensors.keys()]).toHaveLength(4);
  file.close();
});
