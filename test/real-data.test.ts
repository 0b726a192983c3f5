/** Real data and a really trained model: known losses and texts, and the memory of the main job. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer } from "@outright/data";
import { generateByRecomputing, generateIds, promptIds } from "@outright/eval";
import { loadModel, openDevice } from "@outright/trainer";
import { describe, expect, it } from "vitest";
import { run } from "../packages/cli/test/command.js";
import { readRows, temporaryFolder, writeRows } from "./support/folder.js";
import { missingData, testData } from "./support/test-data.js";

const folder = temporaryFolder();

describe("stories260K, a trained Llama", () => {
  const MODEL = "weights/stories260K/hf";
  const STORIES = "text/tinystories_sample.txt";

  it("has its documented loss on 60 stories: 1.2958 nats a token over 20,424 tokens", async ({ skip }) => {
    const missing = missingData(MODEL, STORIES);
    skip(missing !== undefined, missing);
    const stories = readFileSync(testData(STORIES), "utf8")
      .split("<|endoftext|>")
      .map((text) => text.trim())
      .filter((text) => text !== "")
      .slice(0, 60);
    writeRows(
      join(folder, "stories.jsonl"),
      stories.map((text) => ({ text })),
    );
    const out = join(folder, "scores.jsonl");
    const { code, stderr } = await run([
      ...["score", "--model", testData(MODEL), "--data", join(folder, "stories.jsonl"), "--format", "text"],
      ...["--max-length", "512", "--truncate", "response-right", "--per-token", "--out", out],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const rows = readRows<{ tokens: number; logprobs: number[] }>(out).slice(0, -1);
    expect(rows).toHaveLength(60);
    // The documented loss does not count the end token, which a story has unless it was cut at 512 tokens.
    const counted = rows.flatMap(({ tokens, logprobs }) => (tokens < 512 ? logprobs.slice(0, -1) : logprobs));
    const loss = -counted.reduce((sum, logprob) => sum + logprob, 0) / counted.length;
    expect(counted).toHaveLength(20_424);
    expect(Math.abs(loss - 1.2958)).toBeLessThan(1e-4);
  });

  it("tells its documented story, greedily", async ({ skip }) => {
    const missing = missingData(MODEL);
    skip(missing !== undefined, missing);
    const { code, stdout, stderr } = await run([
      ...["generate", "--model", testData(MODEL), "--prompt", "", "--max-tokens", "200", "--json"],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { text } = JSON.parse(stdout) as { text: string };
    expect(text.slice(0, STORY.length)).toBe(STORY);
  });

  it("goes on with a batch of openings, each token as recomputing all of it gives, and as alone", async ({
    skip,
  }) => {
    const missing = missingData(MODEL, STORIES);
    skip(missing !== undefined, missing);
    const tokenizer = await loadTokenizer(testData(MODEL));
    const openings = readFileSync(testData(STORIES), "utf8")
      .split("<|endoftext|>")
      .map((text) => text.trim())
      .filter((text) => text !== "")
      .slice(0, 12)
      .map((text, i) => promptIds(text.slice(0, 20 + 25 * i), tokenizer));
    const device = openDevice({ device: "cpu" });
    try {
      const { model } = loadModel(device, testData(MODEL), "pretrained", 0, { trainable: false });
      const made = generateIds(model, openings, tokenizer.eosId, { maxTokens: 150 }).map(({ ids }) => ids);
      expect(made).toEqual(generateByRecomputing(model, openings, tokenizer.eosId, 150));
      for (const [i, opening] of openings.entries())
        expect(generateIds(model, [opening], tokenizer.eosId, { maxTokens: 150 })[0]?.ids).toEqual(made[i]);
      expect(made.flat().length).toBeGreaterThan(1000);
      model.dispose();
    } finally {
      device.close();
    }
  });

  const STORY = `Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.
Lily's mom said, "Lily, let's go to the park." Lily was sad and didn't know what to do. She said, "I want to play with your ball, but I can't find it."
`;
});

describe("ALRIGHT on alpaca-gpt4 and helpful dialogues, a model of the shape of Pythia-14M", () => {
  const SFT = "alpaca_gpt4/alpaca_gpt4.jsonl";
  const DPO = "hh_rlhf/helpful.train.jsonl";
  const TOKENIZER = "tokenizers/gpt-neox-20b/tokenizer.json";
  const GIB = 2 ** 30;

  it("three steps take less than 2 GiB of memory", { timeout: 300_000 }, async ({ skip }) => {
    const missing = missingData(SFT, DPO, TOKENIZER);
    skip(missing !== undefined, missing);
    const model = join(folder, "pythia-14m");
    mkdirSync(model);
    copyFileSync(testData(TOKENIZER), join(model, "tokenizer.json"));
    writeFileSync(
      join(model, "config.json"),
      JSON.stringify({
        architectures: ["GPTNeoXForCausalLM"],
        model_type: "gpt_neox",
        vocab_size: 50304,
        hidden_size: 128,
        num_hidden_layers: 6,
        num_attention_heads: 4,
        intermediate_size: 512,
        max_position_embeddings: 2048,
        rotary_pct: 0.25,
        rotary_emb_base: 10000,
        hidden_act: "gelu",
        layer_norm_eps: 1e-5,
        use_parallel_residual: true,
        initializer_range: 0.02,
        tie_word_embeddings: false,
        bos_token_id: 0,
        eos_token_id: 0,
      }),
    );
    const out = join(folder, "run");
    const config = {
      model,
      init: "random",
      out,
      steps: 3,
      threads: 2,
      maxLength: 512,
      truncate: "drop",
      objectives: {
        sft: { kind: "sft", data: testData(SFT), format: "alpaca", batch: 8 },
        dpo: { kind: "dpo", data: testData(DPO), format: "hh", batch: 4 },
      },
      policy: { name: "alright", lambda: 0.5 },
      evaluate: { rows: 4 },
    };
    writeFileSync(join(folder, "run.json"), JSON.stringify(config));
    const memory = join(folder, "memory");
    const preload = join(import.meta.dirname, "support/report-memory.mjs");
    const { code, stderr } = await run(["train", join(folder, "run.json")], {
      env: { NODE_OPTIONS: `--import "${preload}"`, OUTRIGHT_TEST_MEMORY: memory },
    });
    expect(code).toBe(0);
    // 27 pairs are the same twice, some have other prompts or no answer: none goes without a word
    expect(stderr).toContain("helpful.train.jsonl: dropped 27 of 4000 rows: chosen = rejected");
    const peak = Number(readFileSync(memory, "utf8"));
    console.log(`peak memory of the run: ${(peak / GIB).toFixed(2)} GiB`);
    expect(peak).toBeGreaterThan(0.1 * GIB); // it is the memory of the right process
    expect(peak).toBeLessThan(2 * GIB);
    const metrics = readRows<{ type: string; step: number; losses: Record<string, number> }>(
      join(out, "metrics.jsonl"),
    );
    const trained = metrics.filter(({ type }) => type === "step");
    expect(trained.map(({ step }) => step)).toEqual([1, 2, 3]);
    for (const { losses } of trained)
      for (const loss of Object.values(losses)) expect(Number.isFinite(loss)).toBe(true);
    const start = metrics.find(({ type }) => type === "eval");
    // a random model knows nothing: ln 50304, and no preference
    expect(Math.abs((start?.losses.sft as number) - Math.log(50304))).toBeLessThan(0.1);
    expect(start?.losses.dpo).toBe(Math.LN2);
  });
});
