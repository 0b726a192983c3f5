/** A local model as the judge, a model that makes its own outputs, and how its prompts are dressed. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadTokenizer } from "@outright/data";
import {
  generate,
  generateOutputs,
  type JudgeFailure,
  LocalJudge,
  outputsToMake,
  type PromptTemplates,
  renderInstruction,
  scoreFile,
  trainingTemplates,
} from "@outright/eval";
import { loadModel, openDevice } from "@outright/trainer";
import { afterAll, describe, expect, it } from "vitest";

const MODEL = fileURLToPath(new URL("../../../../test/goldens/models/llama-nano", import.meta.url));
const ENGINE = { device: "cpu", dtype: "float32", threads: 1 } as const;
const folder = mkdtempSync(join(tmpdir(), "outright-local-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const signals = { stop: new AbortController().signal, abort: new AbortController().signal };

describe("LocalJudge", () => {
  it("takes the name with the larger log-prob, as `outright score` finds it", async () => {
    const judge = await LocalJudge.open({ directory: MODEL, labels: ["m", "M"], ...ENGINE });
    const texts = ["one", "two and", "the third", "what is it", "a b c", "zz"];
    const data = join(folder, "labels.jsonl");
    const rows = texts.flatMap((text) =>
      ["m", "M"].map((label) => ({ prompt: `${text}\n\nBetter output:`, response: ` ${label}` })),
    );
    writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const out = join(folder, "scores.jsonl");
    await scoreFile({ model: MODEL, data, format: "prompt-response", out, perToken: true, ...ENGINE });
    // without the end token, which score counts too
    const scores = readFileSync(out, "utf8")
      .trimEnd()
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line).logprobs as number[]).slice(0, -1).reduce((a, b) => a + b, 0));
    for (const [i, text] of texts.entries()) {
      const [first, second] = [scores[2 * i] as number, scores[2 * i + 1] as number];
      const reply = await judge.ask("", [{ role: "user", content: text }], signals);
      expect(reply.text).toBe(`log-probs: m ${first.toFixed(4)}, M ${second.toFixed(4)}`);
      expect(reply.verdict).toBe(first > second ? "first" : "second");
    }
    judge.close();
  });

  it("names its weights in its identity, and refuses names that are one to its tokenizer", async () => {
    const judge = await LocalJudge.open({ directory: MODEL, ...ENGINE });
    expect(JSON.parse(judge.identity)).toMatchObject({ labels: ["m", "M"], dtype: "float32" });
    expect(JSON.parse(judge.identity).weights).toMatch(/^[0-9a-f]{64}$/);
    judge.close();
    await expect(LocalJudge.open({ directory: MODEL, labels: ["x", "x"], ...ENGINE })).rejects.toThrow(
      "does not tell",
    );
  });

  it("refuses a prompt longer than the model was made for, and goes on with others", async () => {
    const judge = await LocalJudge.open({ directory: MODEL, ...ENGINE });
    const limit = JSON.parse(readFileSync(join(MODEL, "config.json"), "utf8"))
      .max_position_embeddings as number;
    const long = judge.ask("", [{ role: "user", content: "word ".repeat(limit) }], signals);
    await expect(long).rejects.toMatchObject({ kind: "refused" } satisfies Partial<JudgeFailure>);
    expect((await judge.ask("", [{ role: "user", content: "word" }], signals)).promptTokens).toBeLessThan(
      limit,
    );
    judge.close();
  });
});

describe("generateOutputs", () => {
  const instructions = Array.from({ length: 20 }, (_, i) => ({ instruction: `say ${i}`, dataset: "d" }));
  const options = {
    model: MODEL,
    templates: { dialogue: "plain", other: "clean" } as PromptTemplates,
    maxTokens: 6,
    ...ENGINE,
  };

  it("makes what `generate` makes of the dressed prompts, once", async () => {
    const path = join(folder, "generated.jsonl");
    const make = async () => {
      const work = await outputsToMake(instructions, path, options);
      const told: number[] = [];
      const rows = await generateOutputs(instructions, path, work, options, (made) => told.push(made));
      return { rows, missing: work.missing, told };
    };
    const first = await make();
    expect(first.missing).toBe(20);
    expect(first.told.at(-1)).toBe(20);
    const tokenizer = await loadTokenizer(MODEL);
    const device = openDevice(ENGINE);
    const { model } = loadModel(device, MODEL);
    const prompts = instructions.map(({ instruction }) => `User: ${instruction}\nAssistant:`);
    expect(first.rows.map(({ output }) => output)).toEqual(
      generate(model, tokenizer, prompts, { maxTokens: 6 }).map(({ text }) => text),
    );
    model.dispose();
    device.close();
    expect(first.rows[3]).toMatchObject({ dataset: "d", instruction: "say 3" });

    // killed in the middle: only what is missing is made
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, `${lines.slice(0, 5).join("\n")}\n${lines[5]?.slice(0, 30)}`);
    const second = await make();
    expect(second.missing).toBe(15);
    expect(second.rows).toEqual(first.rows);
    expect((await make()).missing).toBe(0);
    expect((await outputsToMake(instructions, path, { ...options, maxTokens: 7 })).missing).toBe(20);
    const plain = { dialogue: "plain", other: "plain" } as const;
    expect((await outputsToMake(instructions, path, { ...options, templates: plain })).missing).toBe(20);
  });
});

describe("the template of a model's prompts", () => {
  const run = (name: string, config: string): string => {
    mkdirSync(join(folder, name, "model"), { recursive: true });
    writeFileSync(join(folder, name, "config.yaml"), config);
    return join(folder, name, "model");
  };
  const objectives = (sft: string, dpo: string) =>
    `model: m\nout: o\nsteps: 1\nobjectives:\n  sft: { kind: sft, data: a.jsonl, ${sft} }\n  dpo: { kind: dpo, data: b.jsonl, ${dpo} }\npolicy: { name: mix, lambda: 0.5 }\n`;

  it("is that of the run's training: of dialogues as the hh objective, of others as the sft one", () => {
    expect(
      trainingTemplates(run("both", objectives("format: alpaca, template: clean", "format: hh"))),
    ).toEqual({
      dialogue: "plain",
      other: "clean",
    });
    expect(
      trainingTemplates(run("pairs", objectives("format: alpaca", "format: pairs, template: clean"))),
    ).toEqual({
      dialogue: "alpaca",
      other: "alpaca",
    });
    const text = objectives("format: text", "format: hh, template: clean");
    expect(trainingTemplates(run("text", text))).toEqual({ dialogue: "clean", other: "clean" });
  });

  it("is not known outside of a run, or beside the config of something else", () => {
    expect(existsSync(join(MODEL, "../config.yaml"))).toBe(false);
    expect(trainingTemplates(MODEL)).toBeNull();
    expect(trainingTemplates(run("other", "services: [web]\n"))).toBeNull();
  });

  it("dresses a dialogue as HH is dressed in training, and everything else as a question", async () => {
    const tokenizer = await loadTokenizer(MODEL);
    const dressed = (template: PromptTemplates["other"], row: { instruction: string; input?: string }) =>
      renderInstruction(row, { dialogue: template, other: template }, "row 0", tokenizer);
    const dialogue = { instruction: "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Who?\n\n" };
    expect(dressed("plain", dialogue)).toBe(
      "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Who?\n\nAssistant:",
    );
    expect(dressed("clean", dialogue)).toBe("User: Hi\nAssistant: Hello.\nUser: Who?\nAssistant:");
    expect(dressed("none", dialogue)).toBe(dialogue.instruction);
    expect(dressed("clean", { instruction: "Add", input: "1 2" })).toBe("User: Add\n1 2\nAssistant:");
    expect(dressed("none", { instruction: "Add", input: "1 2" })).toBe("Add\n1 2");
    expect(dressed("paper", { instruction: "Add" })).toBe("User: Add\nAssistant: ");
    expect(dressed("alpaca", { instruction: "Add" })).toMatch(/### Instruction:\nAdd\n\n### Response:$/);
  });
});
