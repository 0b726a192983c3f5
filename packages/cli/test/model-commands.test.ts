import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "./command.js";

const GOLDENS = fileURLToPath(new URL("../../../test/goldens", import.meta.url));
const MODEL = join(GOLDENS, "models/llama-nano");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outright-model-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("outright score", () => {
  it("writes a line for each row, then the summary it also tells", async () => {
    const out = join(folder, "sft-scores.jsonl");
    const data = join(GOLDENS, "rows/sft.jsonl");
    const { code, stdout, stderr } = await run([
      "score",
      "--model",
      MODEL,
      "--data",
      data,
      "--format",
      "alpaca",
      "--template",
      "plain",
      "--threads",
      "1",
      "--out",
      out,
      "--json",
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = jsonLines(readFileSync(out, "utf8"));
    const summary = lines.pop();
    expect(jsonLines(stdout)).toEqual([summary]);
    expect(lines).toHaveLength(jsonLines(readFileSync(data, "utf8")).length);
    const total = lines.reduce((sum, line) => sum + (line.logprob as number), 0);
    const tokens = lines.reduce((sum, line) => sum + (line.lossTokens as number), 0);
    expect(summary).toMatchObject({ scored: lines.length, lossTokens: tokens });
    expect(summary?.loss).toBeCloseTo(-total / tokens, 12);
  });

  it("against the model itself has margin 0 and loss ln 2", async () => {
    const out = join(folder, "dpo-scores.jsonl");
    const data = join(folder, "pairs.jsonl");
    writeFileSync(
      data,
      '{"prompt":"a","chosen":"b","rejected":"c"}\n{"prompt":"d","chosen":"e f","rejected":"g"}\n',
    );
    const { code, stdout, stderr } = await run([
      "score",
      "--model",
      MODEL,
      "--reference",
      MODEL,
      "--data",
      data,
      "--format",
      "pairs",
      "--threads",
      "1",
      "--out",
      out,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("margin 0.0000, loss 0.6931, accuracy 0.5000");
    const [first, second, summary] = jsonLines(readFileSync(out, "utf8"));
    for (const line of [first, second]) expect(line).toMatchObject({ margin: 0, loss: Math.LN2 });
    expect(summary).toMatchObject({ rows: 2, scored: 2, dpoLoss: Math.LN2, accuracy: 0.5 });
  });
});

describe("outright generate", () => {
  it("is greedy: the same every time, alone or among others", async () => {
    writeFileSync(
      join(folder, "prompts.jsonl"),
      '{"prompt":"one"}\n{"prompt":"two"}\n{"instruction":"three"}\n',
    );
    const common = ["generate", "--model", MODEL, "--max-tokens", "8", "--threads", "1"];
    const [alone, several] = await Promise.all([
      run([...common, "--prompt", "two", "--json"]),
      run([...common, "--prompts", join(folder, "prompts.jsonl"), "--json"]),
    ]);
    expect({ code: alone.code, stderr: alone.stderr }).toEqual({ code: 0, stderr: "" });
    expect({ code: several.code, stderr: several.stderr }).toEqual({ code: 0, stderr: "" });
    const lines = jsonLines(several.stdout);
    expect(lines.map(({ row, prompt }) => [row, prompt])).toEqual([
      [0, "one"],
      [1, "two"],
      [2, "three"],
    ]);
    expect(jsonLines(alone.stdout)).toEqual([{ row: 0, prompt: "two", text: lines[1]?.text, end: "length" }]);
    const plain = await run([...common, "--prompt", "two"]);
    expect(plain.stdout).toBe(`${lines[1]?.text as string}\n`);
  });

  it("dresses prompts as training does", async () => {
    const { stdout } = await run([
      "generate",
      "--model",
      MODEL,
      "--max-tokens",
      "1",
      "--threads",
      "1",
      "--prompt",
      "Why?",
      "--template",
      "paper",
      "--json",
    ]);
    expect(jsonLines(stdout)[0]).toMatchObject({ prompt: "User: Why?\nAssistant: " });
  });

  it("names the row that has no prompt", async () => {
    const path = join(folder, "bad-prompts.jsonl");
    writeFileSync(path, '{"prompt":"one"}\n{"text":"two"}\n');
    const { code, stderr } = await run(["generate", "--model", MODEL, "--prompts", path]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `outright: ${path}: row 1 (from 0; line 2): has no text in "prompt" or "instruction"\n`,
    });
  });
});

describe("outright preview", () => {
  it("marks what carries loss", async () => {
    writeFileSync(
      join(folder, "rows.jsonl"),
      '{"prompt":"say a","response":"bc"}\n{"prompt":"x","response":"y"}\n',
    );
    writeFileSync(join(folder, "pairs.jsonl"), '{"prompt":"say ","chosen":"yes","rejected":"no"}\n');
    const config = {
      model: MODEL,
      out: "never",
      steps: 1,
      objectives: {
        a: { kind: "sft", data: "rows.jsonl", format: "prompt-response" },
        b: { kind: "dpo", data: "pairs.jsonl", format: "pairs" },
      },
      policy: { name: "mix", lambda: 0.5 },
    };
    writeFileSync(join(folder, "preview.json"), JSON.stringify(config));
    const path = join(folder, "preview.json");
    const plain = await run(["preview", path, "--rows", "1"]);
    expect({ code: plain.code, stderr: plain.stderr }).toEqual({ code: 0, stderr: "" });
    expect(plain.stdout).toMatch(/a: sft, 2 of 2 rows of rows\.jsonl/);
    expect(plain.stdout).toMatch(/say a⟦bc.*⟧/);
    expect(plain.stdout).toMatch(/chosen: {3}⟦yes.*⟧\nrejected: ⟦no.*⟧/);
    expect(plain.stdout).not.toContain("row 1:");
    const coloured = await run(["preview", path, "--objective", "a", "--skip", "1"], {
      env: { NO_COLOR: "", FORCE_COLOR: "1" },
    });
    expect(coloured.stdout).toContain("\x1b[32my");
    expect(coloured.stdout).not.toContain("⟦");
    const json = await run(["preview", path, "--objective", "a", "--json"]);
    expect(jsonLines(json.stdout).map(({ row }) => row)).toEqual([0, 1]);
  });
});

describe("outright doctor", () => {
  it("tells every backend, and which one a run takes", async () => {
    const [plain, json] = await Promise.all([run(["doctor"]), run(["doctor", "--json"])]);
    expect({ code: plain.code, stderr: plain.stderr }).toEqual({ code: 0, stderr: "" });
    const findings = JSON.parse(json.stdout) as {
      backends: { name: string; score: number; reason: string }[];
      chosen: { backend: string; threads: number; matmul: string };
    };
    const best = Math.max(...findings.backends.map(({ score }) => score));
    expect(findings.backends.find(({ name }) => name === findings.chosen.backend)?.score).toBe(best);
    for (const { name, score, reason } of findings.backends) {
      expect(plain.stdout).toContain(name);
      if (score === 0) expect(reason, name).not.toBe("");
    }
    expect(plain.stdout).toContain(`device: auto takes ${findings.chosen.backend}`);
    expect(plain.stdout).toContain(findings.chosen.matmul);
  });
});

describe("adapters at the command line", () => {
  const adapter = join(GOLDENS, "expected/neox-nano-lora.adapter");
  const base = join(GOLDENS, "models/neox-nano");
  const data = ["--data", join(GOLDENS, "rows/sft.jsonl"), "--format", "alpaca", "--template", "plain"];
  const expected = JSON.parse(readFileSync(join(GOLDENS, "expected/neox-nano-lora.fp64.json"), "utf8")).sft
    .loss as number;
  const lossOf = async (...model: string[]) => {
    const { code, stdout, stderr } = await run([
      "score",
      ...model,
      ...data,
      "--out",
      join(folder, "adapted.jsonl"),
      "--json",
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout).loss as number;
  };

  it("score and generate put one on a model; export merges it into a model that loads by itself", async () => {
    expect(Math.abs((await lossOf("--model", base, "--adapter", adapter)) / expected - 1)).toBeLessThan(1e-6);
    const merged = join(folder, "merged");
    const exported = await run(["export", "--adapter", adapter, "--model", base, "--out", merged]);
    expect({ code: exported.code, stderr: exported.stderr }).toEqual({ code: 0, stderr: "" });
    expect(exported.stdout).toContain(`${base} + ${adapter}: `);
    expect(Math.abs((await lossOf("--model", merged)) / expected - 1)).toBeLessThan(1e-6);
    expect(Math.abs((await lossOf("--model", base)) / expected - 1)).toBeGreaterThan(1e-4);
    const text = async (...model: string[]) =>
      (await run(["generate", ...model, "--prompt", "Once", "--max-tokens", "8"])).stdout;
    expect(await text("--model", base, "--adapter", adapter)).toBe(await text("--model", merged));
  });

  it("export saves bfloat16 where that is wanted", async () => {
    const out = join(folder, "narrow");
    const { code } = await run([
      "export",
      "--adapter",
      adapter,
      "--model",
      base,
      "--dtype",
      "bfloat16",
      "--out",
      out,
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8"))).toMatchObject({
      torch_dtype: "bfloat16",
    });
    expect(Math.abs((await lossOf("--model", out)) / expected - 1)).toBeLessThan(1e-2);
  });

  it("a base that is missing, and a directory without an adapter, are one line each", async () => {
    const missing = await run(["export", "--adapter", adapter, "--out", join(folder, "x")]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(
      'its base "neox-nano" (base_model_name_or_path) is not there; put it there, or',
    );
    expect(missing.stderr.trimEnd().split("\n")).toHaveLength(1);
    const none = await run(["export", "--adapter", base, "--out", join(folder, "x")]);
    expect(none.stderr).toBe(`outright: --adapter: ${base} holds no adapter (adapter_config.json)\n`);
  });
});
