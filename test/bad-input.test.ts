/**
 * Every kind of bad input through the command: exit code 1, one line on standard error that names file, row or key, no
 * stack trace, and nothing that was there before is touched. The long table trains in this very thread, and tells errors
 * as the command does; that the command does so from its engine's thread and its process is shown by the tests after it.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { type Outcome, run, start } from "../packages/cli/test/command.js";
import {
  command,
  DPO,
  dpo,
  expectOneLine,
  expectUntouched,
  folder,
  good,
  MODEL,
  pairs,
  prepare,
  prompts,
  SFT,
  sft,
  trainHere,
  writeConfig,
  writeModel,
} from "./support/bad-input.js";
import { snapshot, writeRows } from "./support/folder.js";

const everything = snapshot(join(folder, "shared"));
const model = snapshot(MODEL);
afterAll(() => {
  expect(snapshot(join(folder, "shared"))).toEqual(everything);
  expect(snapshot(MODEL)).toEqual(model);
});

function changedJson(bytes: Buffer, change: (json: Record<string, unknown>) => void): string {
  const json = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  change(json);
  return JSON.stringify(json);
}

/** The safetensors file with its header rewritten; the data stay. */
function changedHeader(bytes: Buffer, change: (text: string) => string): Buffer {
  const length = Number(bytes.readBigUInt64LE(0));
  const text = Buffer.from(change(bytes.toString("utf8", 8, 8 + length).trimEnd()));
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(text.byteLength));
  return Buffer.concat([head, text, bytes.subarray(8 + length)]);
}

// --- the cases: a name, what is wrong, and what the line must say ---

type Prepare = (at: string) => Record<string, unknown> | undefined;
type Case = [name: string, prepare: Prepare, says: RegExp];

const config =
  (changes: Record<string, unknown>): Prepare =>
  () => ({ ...good, ...changes });

/** A data file of these bytes. */
const data =
  (name: string, bytes: string | Uint8Array, objective = sft): Prepare =>
  (at) => {
    writeFileSync(join(at, name), bytes);
    return { ...good, objectives: objective(name) };
  };

const lines = (rows: readonly (object | string)[]): string =>
  rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`).join("");

const changedModel =
  (
    change: (file: string, bytes: Buffer) => Uint8Array | string | null,
    more: Record<string, unknown> = {},
  ): Prepare =>
  (at) => {
    writeModel(at, change);
    return { ...good, model: "model", ...more };
  };

/** Only one file is changed. */
const changedFile = (name: string, change: (bytes: Buffer) => Uint8Array | string | null): Prepare =>
  changedModel((file, bytes) => (file === name ? change(bytes) : bytes));

const WEIGHTS = "model.safetensors";
const NORM = "model.layers.0.input_layernorm.weight";

const cases: Case[] = [
  // config
  [
    "missing key",
    config({ objectives: { sft: { kind: "sft", format: "text" } } }),
    /objectives\.sft\.data: missing/,
  ],
  ["unknown key", config({ stepps: 3 }), /run\.json:\d+: stepps: unknown key; did you mean steps\?/],
  ["wrong type", config({ steps: "many" }), /run\.json:\d+: steps: must be a whole number.*; got "many"/],
  ["config that is no JSON", (at) => void writeFileSync(join(at, "run.json"), "{ model: "), /run\.json.*/],
  ["missing model directory", config({ model: "no/model" }), /model: no such directory: .*no\/model/],
  [
    "missing data file",
    config({ objectives: sft("none.jsonl") }),
    /objectives\.sft\.data: no such file: .*none\.jsonl/,
  ],
  [
    "device that is not known",
    config({ device: "tpu" }),
    /device: must be auto, cpu, cuda or cuda:N; got "tpu"/,
  ],

  // data
  ["empty file", data("empty.jsonl", ""), /empty\.jsonl: the file is empty/],
  ["file of blank lines", data("blank.jsonl", "\n\n \n"), /blank\.jsonl: there are no rows/],
  [
    "broken JSON",
    data("b.jsonl", lines([...prompts.slice(0, 3), '{"prompt": "a", "resp'])),
    /b\.jsonl: row 3 .*line 4.*JSON/,
  ],
  ["row that is no object", data("b.jsonl", lines([prompts[0], "[1]"])), /b\.jsonl: row 1 .*is an array/],
  [
    "broken JSON in an array",
    data("b.json", `[${JSON.stringify(prompts[0])},\n{"prompt": }]`),
    /b\.json: row 1 .*line 2.*JSON/,
  ],
  [
    "row without a field",
    data("b.jsonl", lines([...prompts, { prompt: "a" }])),
    /b\.jsonl: row 12 .*"response" is missing/,
  ],
  [
    "field of another type",
    data("b.jsonl", lines([{ prompt: "a", response: 3 }])),
    /b\.jsonl: row 0 .*"response" is not a text/,
  ],
  [
    "empty response",
    data("b.jsonl", lines([prompts[0], { prompt: "a", response: " " }])),
    /b\.jsonl: row 1 .*empty/,
  ],
  [
    "gzip cut short",
    data("b.jsonl.gz", gzipSync(lines(prompts)).subarray(0, 60)),
    /b\.jsonl\.gz: .*gzip.*cut short/,
  ],
  ["format not read", data("b.parquet", "PAR1"), /b\.parquet: \.parquet files are not read yet/],
  [
    "row longer than maxLength",
    data("b.jsonl", lines([{ prompt: "a", response: "word ".repeat(500) }])),
    /b\.jsonl: row 0 .*maxLength is 128/,
  ],
  [
    "all rows dropped",
    data("b.jsonl", lines(pairs.map((row) => ({ ...row, rejected: row.chosen }))), dpo),
    /b\.jsonl: none of the 12 rows is left \(chosen = rejected: 12\)/,
  ],
  [
    "chosen = rejected, where that is an error",
    (at) => {
      writeRows(join(at, "b.jsonl"), [...pairs, { prompt: "a", chosen: "b", rejected: "b" }]);
      const { dpo: objective } = dpo("b.jsonl");
      return { ...good, objectives: { dpo: { ...objective, identicalPairs: "error" } } };
    },
    /b\.jsonl: row 12 .*chosen = rejected; set identicalPairs/,
  ],

  // model
  ["no config.json", changedFile("config.json", () => null), /model\/config\.json: there is no such file/],
  ["config.json that is no JSON", changedFile("config.json", () => "{"), /model\/config\.json: is not JSON/],
  [
    "no tokenizer.json",
    changedFile("tokenizer.json", () => null),
    /model\/tokenizer\.json: there is no such file/,
  ],
  [
    "tokenizer.json cut short",
    changedFile("tokenizer.json", (bytes) => bytes.subarray(0, 999)),
    /model\/tokenizer\.json.*JSON/,
  ],
  ["no weights", changedFile(WEIGHTS, () => null), /model: there are no weights \(model\.safetensors\)/],
  [
    "truncated weights",
    changedFile(WEIGHTS, (bytes) => bytes.subarray(0, -1000)),
    /model\.safetensors: .*ends at byte.*truncated/,
  ],
  ["weights of no bytes", changedFile(WEIGHTS, () => ""), /model\.safetensors: .*it has 0 bytes/],
  [
    "corrupt header",
    changedFile(WEIGHTS, (bytes) => changedHeader(bytes, (text) => `${text.slice(0, 90)}#${text.slice(91)}`)),
    /model\.safetensors: not a sound safetensors file: .*; copy or download it again/,
  ],
  [
    "impossible header length",
    changedFile(WEIGHTS, (bytes) => Buffer.concat([Buffer.alloc(8, 255), bytes.subarray(8)])),
    /model\.safetensors: .*header claims/,
  ],
  [
    "tensor of another shape",
    changedFile(WEIGHTS, (bytes) =>
      changedHeader(bytes, (text) =>
        text.replace(new RegExp(`("${NORM}":\\{[^}]*"shape":\\[)64\\]`), "$132,2]"),
      ),
    ),
    new RegExp(`model.*: tensor "${NORM}" has shape \\[32, 2\\], config.json asks for \\[64\\]`),
  ],
  [
    "tensor of another name",
    changedFile(WEIGHTS, (bytes) =>
      changedHeader(bytes, (text) => text.replace(NORM, "model.layers.0.norm.weight")),
    ),
    new RegExp(`model.*: .*no tensor "${NORM}"`),
  ],
  [
    "tensor too many",
    changedFile("config.json", (bytes) =>
      changedJson(bytes, (json) => Object.assign(json, { num_hidden_layers: 1 })),
    ),
    /model.*: .*a tensor "model\.layers\.1\.[^"]*" that config\.json has no place for/,
  ],
  [
    "token ids beyond the vocabulary",
    changedFile("tokenizer.json", (bytes) =>
      changedJson(bytes, (json) => {
        (json.added_tokens as object[]).push({ id: 600, content: "<|more|>", special: false });
      }),
    ),
    /model: the tokenizer has ids up to 600, the model's vocabulary ends at 511/,
  ],
  [
    "architecture not supported",
    changedFile("config.json", (bytes) =>
      changedJson(bytes, (json) => Object.assign(json, { model_type: "mamba" })),
    ),
    /model.*: .*model_type "mamba" is not supported; supported are "llama" and "gpt_neox"/,
  ],
  [
    "setting not supported",
    changedFile("config.json", (bytes) =>
      changedJson(bytes, (json) =>
        Object.assign(json, { rope_scaling: { rope_type: "yarn", factor: 2 }, rope_parameters: null }),
      ),
    ),
    /model.*: .*"yarn" is not supported/,
  ],

  // out
  [
    "out is a file",
    (at) => {
      writeFileSync(join(at, "file"), "mine");
      return { ...good, out: "file" };
    },
    /file: is a file; choose another directory/,
  ],
  [
    "out below a file",
    (at) => {
      writeFileSync(join(at, "file"), "mine");
      return { ...good, out: "file/run" };
    },
    /file\/run: cannot write .*: a part of the path is a file/,
  ],
  [
    "out is not empty",
    (at) => {
      mkdirSync(join(at, "mine"));
      writeFileSync(join(at, "mine/thesis.tex"), "x");
      return { ...good, out: "mine" };
    },
    /mine: is not empty \("thesis\.tex"\) and holds no run/,
  ],
  [
    "out holds another run",
    (at) => {
      mkdirSync(join(at, "mine/model"), { recursive: true });
      writeFileSync(join(at, "mine/model/config.json"), "{}");
      writeFileSync(join(at, "mine/config.yaml"), "x");
      return { ...good, out: "mine" };
    },
    /mine: holds another run already.*--resume/,
  ],
];

describe("outright train", () => {
  it.each(cases)("%s", async (name, prepareCase, says) => {
    const at = prepare(name);
    const given = prepareCase(at);
    if (given !== undefined) writeConfig(at, given);
    const before = snapshot(at);
    expectOneLine(await trainHere(join(at, "run.json")), says);
    expectUntouched(at, before);
  });

  it("several wrong keys have a line each", async () => {
    const at = prepare("several");
    writeConfig(at, { ...good, steps: 0, sed: 1, objectives: { a: { ...sft(SFT).sft, batch: "x" } } });
    const { code, stderr } = await command("train", join(at, "run.json"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^(outright: [^\n]+run\.json:\d+: [^\n]+\n){3}$/);
    for (const key of ["steps", "sed", "objectives.a.batch"]) expect(stderr).toContain(`: ${key}: `);
  });

  it("a loss that is no number ends the run with its step and rows, and saves no model", async () => {
    const at = prepare("not-finite");
    writeModel(at, (file, bytes) => (file === WEIGHTS ? bytes.fill(255, bytes.length - 4096) : bytes));
    writeConfig(at, { ...good, model: "model" });
    const outcome = await command("train", join(at, "run.json"));
    expectOneLine(outcome, /step 1: the loss of objective "sft" is NaN on rows \d+, \d+, \d+, \d+; look at/);
    expect(readdirSync(join(at, "run")).sort()).toEqual(["config.yaml", "environment.json", "metrics.jsonl"]);
  });

  it("pairs with chosen = rejected are dropped and counted, or kept, as the config says", async () => {
    const at = prepare("identical");
    writeRows(join(at, "b.jsonl"), [...pairs, { prompt: "a", chosen: "b", rejected: "b" }]);
    const { dpo: objective } = dpo("b.jsonl");
    writeConfig(at, { ...good, objectives: { dpo: objective } });
    const dropped = await command("train", join(at, "run.json"));
    expect(dropped).toMatchObject({
      code: 0,
      stderr: "warning: b.jsonl: dropped 1 of 13 rows: chosen = rejected (first: 12)\n",
    });
    expect(dropped.stdout).toContain("dpo: dpo, 13 rows of b.jsonl");
    writeConfig(at, { ...good, out: "kept", objectives: { dpo: { ...objective, identicalPairs: "keep" } } });
    const kept = await command("train", join(at, "run.json"));
    expect(kept).toMatchObject({ code: 0, stderr: "" });
    expect(kept.stdout).toContain("dpo: dpo, 13 rows of b.jsonl");
  });

  it("folders on the way to out are made", async () => {
    const at = prepare("deep");
    writeConfig(at, { ...good, out: "a/b/c" });
    expect(await trainHere(join(at, "run.json"))).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(join(at, "a/b/c"))).toContain("model");
  });
});

describe("outright train --resume", () => {
  it("refuses data that changed and another config, and touches nothing", async () => {
    const at = prepare("changed");
    copyFileSync(SFT, join(at, "sft.jsonl"));
    const given = { ...good, objectives: sft("sft.jsonl"), checkpoint: { every: 2 } };
    writeConfig(at, given);
    expect(await command("train", join(at, "run.json"))).toMatchObject({ code: 0 });
    // as killed before its model
    rmSync(join(at, "run/model"), { recursive: true });
    appendFileSync(join(at, "sft.jsonl"), lines([{ prompt: "one", response: "more" }]));
    const before = snapshot(join(at, "run/checkpoints"));
    expectOneLine(
      await command("train", join(at, "run.json"), "--resume"),
      /run\/checkpoints\/step-4: the data of objective "sft" changed since this checkpoint/,
    );
    copyFileSync(SFT, join(at, "sft.jsonl"));
    expectOneLine(
      await command("train", join(at, "run.json"), "--resume", "--seed", "5"),
      /run cannot be resumed with another config: seed differs/,
    );
    expect(snapshot(join(at, "run/checkpoints"))).toEqual(before);
    expect(await command("train", join(at, "run.json"), "--resume")).toMatchObject({ code: 0, stderr: "" });
  });

  it("refuses a run that another process is at", async () => {
    const at = prepare("in-use");
    writeConfig(at, { ...good, steps: 100_000 });
    const running = start(["train", "run.json", "--json"], { cwd: at });
    await running.saw('"type":"step"');
    const refused = await command("train", join(at, "run.json"), "--resume");
    running.child.kill("SIGKILL");
    await running.outcome;
    expectOneLine(refused, new RegExp(`run: is in use by process ${running.child.pid} `));
  });
});

describe("a process of its own", () => {
  const { backends } = JSON.parse(
    spawnSync(
      process.execPath,
      [join(import.meta.dirname, "../packages/cli/bin/outright.mjs"), "doctor", "--json"],
      {
        encoding: "utf8",
      },
    ).stdout,
  ) as { backends: { kind: string; score: number }[] };
  const hasGpu = backends.some(({ kind, score }) => kind === "cuda" && score > 0);

  it("device: cuda without a GPU says why, and does not fall back", async ({ skip }) => {
    skip(hasGpu, "this machine has a GPU");
    const at = prepare("cuda");
    writeConfig(at, { ...good, device: "cuda" });
    const before = snapshot(at);
    expectOneLine(await run(["train", "run.json"], { cwd: at }), /device "cuda" cannot be used: /);
    expectUntouched(at, before);
  });

  it("an error of the engine's thread is one line too, after what was told", async () => {
    const at = prepare("thread");
    writeRows(join(at, "b.jsonl"), [...prompts, { prompt: "a" }]);
    writeConfig(at, { ...good, objectives: sft("b.jsonl") });
    const outcome = await run(["train", "run.json", "--json"], { cwd: at });
    expectOneLine(outcome, /b\.jsonl: row 12 .*"response" is missing/);
    for (const line of outcome.stdout.trimEnd().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
  });
});

describe("outright score and generate", () => {
  const score = (at: string, changes: Record<string, string> = {}) => {
    const given = {
      model: MODEL,
      data: SFT,
      format: "prompt-response",
      out: join(at, "scores.jsonl"),
      ...changes,
    };
    return command("score", ...Object.entries(given).flatMap(([key, value]) => [`--${key}`, value]));
  };
  const cases: [name: string, (at: string) => Promise<Outcome>, says: RegExp][] = [
    ["missing model", (at) => score(at, { model: "no/model" }), /no\/model/],
    [
      "missing data",
      (at) => score(at, { data: join(at, "none.jsonl") }),
      /none\.jsonl: there is no such file/,
    ],
    [
      "data of another format",
      (at) => score(at, { format: "pairs" }),
      /sft\.jsonl: row 0 .*"chosen" is missing/,
    ],
    [
      "missing reference",
      (at) => score(at, { data: DPO, format: "pairs", reference: "no/model" }),
      /no\/model/,
    ],
    [
      "scores in the place of a folder",
      (at) => score(at, { out: at }),
      /--out: .* is a directory; name a file/,
    ],
    [
      "generate with a missing model",
      () => command("generate", "--model", "no/model", "--prompt", "a"),
      /no\/model/,
    ],
    [
      "generate with prompts that are missing",
      (at) => command("generate", "--model", MODEL, "--prompts", join(at, "none.jsonl")),
      /none\.jsonl: there is no such file/,
    ],
  ];
  it.each(cases)("%s", async (name, call, says) => {
    const at = prepare(`eval-${name}`);
    expectOneLine(await call(at), says);
    expect(snapshot(at)).toEqual({});
  });
});
