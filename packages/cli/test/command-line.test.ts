import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PREFERENCE_LOSSES } from "@outright/objectives";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram } from "../dist/program.js";
import { run } from "./command.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outright-cli-"));
  writeFileSync(
    join(folder, "typo.yaml"),
    "model: m\nout: o\nsteps: 1\nobjectives: { a: { kind: sft, data: d, format: text, bach: 1 } }\n",
  );
  writeFileSync(
    join(folder, "two.yaml"),
    "model: 3\nout: o\nsteps: 0\nobjectives: { a: { kind: sft, data: d, format: text } }\n",
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SAMPLING = ["--max-tokens", "--temperature", "--top-k", "--top-p", "--seed", "--stop"];

/** What scripts rely on: taking one away, or changing its meaning, needs a new major version. */
const OPTIONS: Record<string, string[]> = {
  bench: [
    ...["--suite", "--shape", "--dtype", "--kind", "--device", "--batch", "--tokens", "--steps"],
    ...["--threads", "--lora", "--profile", "--data"],
    ...["--python", "--no-peer", "--allocator", "--micro-batch", "--trl", "--out", "--compare", "--table"],
  ],
  quickstart: ["--out", "--seed", "--fresh", "--fast", "--json"],
  train: ["--resume", "--dry-run", "--json"],
  plan: ["--json"],
  optima: ["--into", "--json"],
  sweep: ["--init", "--dry-run", "--json"],
  theory: ["--out", "--lambda", "--seed", "--json"],
  score: [
    "--model",
    "--adapter",
    "--data",
    "--format",
    "--template",
    "--boundary",
    "--reference",
    "--loss",
    "--beta",
    "--nll",
    "--label-smoothing",
    "--length-normalised",
    "--no-length-normalised",
    "--margin",
    "--margin-scale",
    "--max-length",
    "--truncate",
    "--out",
    "--per-token",
    "--tokens-per-micro-batch",
    "--device",
    "--dtype",
    "--threads",
    "--json",
  ],
  merge: ["--models", "--alpha", "--block-alpha", "--weights", "--out", "--dtype", "--allow", "--json"],
  generate: [
    "--model",
    "--adapter",
    "--prompt",
    "--prompts",
    "--template",
    ...SAMPLING,
    "--device",
    "--dtype",
    "--threads",
    "--json",
  ],
  chat: [
    "--model",
    "--adapter",
    "--system",
    "--template",
    "--context",
    ...SAMPLING,
    "--device",
    "--dtype",
    "--threads",
  ],
  eval: [],
  export: ["--adapter", "--model", "--out", "--dtype"],
  preview: ["--objective", "--rows", "--skip", "--json"],
  report: ["--out", "--figures", "--title"],
  doctor: ["--json"],
  init: [],
  schema: [],
};

/** The same for the commands below `eval`. */
const EVAL_OPTIONS: Record<string, string[]> = {
  losses: ["--of", "--json"],
  mmlu: [
    ...["--model", "--adapter", "--data", "--subjects", "--shots", "--limit", "--out"],
    ...["--device", "--dtype", "--threads", "--json"],
  ],
  winrate: [
    ...["--outputs", "--model", "--reference", "--out", "--name", "--adapter", "--template", "--max-tokens"],
    ...["--judge-model", "--judge-url", "--judge-key-env", "--judge-dir", "--judge-labels", "--judge-prompt"],
    ...["--judge-max-tokens", "--judge-parameters", "--concurrency", "--timeout", "--retries"],
    ...["--price-in", "--price-out", "--max-cost", "--judge-tokenizer", "--dry-run"],
    ...["--device", "--dtype", "--threads", "--seed", "--json"],
  ],
};

describe("commands and options", () => {
  const silent = { out: () => {}, err: () => {}, isTerminal: false, hasColour: false, width: () => 80 };
  const { program } = buildProgram(silent);

  it("score takes every loss there is", () => {
    const score = program.commands.find((command) => command.name() === "score");
    const loss = score?.options.find((option) => option.long === "--loss");
    expect(loss?.argChoices).toEqual([...PREFERENCE_LOSSES]);
  });

  it("are these", () => {
    const found = program.commands.map((command) => [
      command.name(),
      command.options.map((option) => option.long),
    ]);
    expect(Object.fromEntries(found)).toEqual(OPTIONS);
  });

  it("of eval are these", () => {
    const parent = program.commands.find((command) => command.name() === "eval");
    const found = parent?.commands.map((command) => [
      command.name(),
      command.options.map((option) => option.long),
    ]);
    expect(Object.fromEntries(found ?? [])).toEqual(EVAL_OPTIONS);
  });

  it.each(Object.keys(EVAL_OPTIONS))("eval %s --help tells each of its options", async (name) => {
    const { code, stdout, stderr } = await run(["eval", name, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const option of EVAL_OPTIONS[name] as string[]) expect(stdout).toContain(`  ${option}`);
    expect(stdout).toContain(`Usage: outright eval ${name}`);
  });

  it.each(Object.keys(OPTIONS))("%s --help tells each of its options", async (name) => {
    const { code, stdout, stderr } = await run([name, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const option of OPTIONS[name] as string[]) expect(stdout).toContain(`  ${option}`);
    expect(stdout).toContain(`Usage: outright ${name}`);
  });

  it("--help lists every command, with examples; so does no command at all", async () => {
    const [help, nothing] = await Promise.all([run(["--help"]), run([])]);
    for (const name of Object.keys(OPTIONS)) expect(help.stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(help.stdout).toContain("Examples:");
    expect(help.code).toBe(0);
    expect(nothing).toEqual(help);
  });

  it("--version is the package's", async () => {
    const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    const { stdout, code } = await run(["--version"]);
    expect({ stdout, code }).toEqual({
      stdout: `${(JSON.parse(manifest) as { version: string }).version}\n`,
      code: 0,
    });
  });
});

describe("errors are one line on standard error, with exit code 1", () => {
  const WINRATE = ["eval", "winrate", "--reference", "r", "--out", "o", "--outputs", "f"];
  const cases: [args: string[], line: string][] = [
    [["trian"], "unknown command 'trian'; did you mean train?; see `outright --help`"],
    [["doctor", "--jsn"], "unknown option '--jsn'; did you mean --json?; see `outright doctor --help`"],
    [["report"], "missing required argument 'directory'; see `outright report --help`"],
    [
      ["schema", "extra"],
      "too many arguments for 'schema'. Expected 0 arguments but got 1; see `outright schema --help`",
    ],
    [["score", "--model", "m"], "required option '--data <file>' not specified; see `outright score --help`"],
    [
      ["score", "--format", "csv"],
      "option '--format <name>' argument 'csv' is invalid. Allowed choices are alpaca, prompt-response, messages, text, pairs, hh; see `outright score --help`",
    ],
    [
      ["score", "--beta", "0"],
      "option '--beta <number>' argument '0' is invalid. It must be a number above 0; see `outright score --help`",
    ],
    [
      ["score", "--label-smoothing", "0.5"],
      "option '--label-smoothing <share>' argument '0.5' is invalid. It must be a number, 0 or more and below 0.5; see `outright score --help`",
    ],
    [
      ["score", "--nll", "-1"],
      "option '--nll <weight>' argument '-1' is invalid. It must be a number, 0 or more; see `outright score --help`",
    ],
    [
      ["generate", "--model", "m", "--dtype", "float16"],
      "option '--dtype <name>' argument 'float16' is invalid. float16 is not available, use bfloat16 or float32; see `outright generate --help`",
    ],
    [
      ["generate", "--model", "m", "--prompt", "a", "--prompts", "b"],
      "give either --prompt TEXT or --prompts FILE; see `outright generate --help`",
    ],
    [
      ["train"],
      "train needs a config file (`outright init` writes one) or --resume with a run's directory; see `outright train --help`",
    ],
    [
      ["eval", "winrate", "--reference", "r"],
      "required option '--out <dir>' not specified; see `outright eval winrate --help`",
    ],
    [
      ["eval", "winrate", "--reference", "r", "--out", "o", "--judge-model", "j"],
      "give either --outputs FILE or --model DIR; see `outright eval winrate --help`",
    ],
    [
      ["eval", "winrate", "--reference", "r", "--out", "o", "--outputs", "f"],
      "give a judge: either --judge-model NAME or --judge-dir DIR; see `outright eval winrate --help`",
    ],
    [
      [...WINRATE, "--judge-dir", "d", "--judge-url", "u"],
      "--judge-url has no effect with --judge-dir; see `outright eval winrate --help`",
    ],
    [
      [...WINRATE, "--judge-model", "j", "--template", "none"],
      "--template has no effect with --outputs; see `outright eval winrate --help`",
    ],
    [
      [...WINRATE, "--judge-model", "j", "--max-cost", "1"],
      "--max-cost needs --price-in and --price-out; see `outright eval winrate --help`",
    ],
    [
      [...WINRATE, "--judge-model", "j", "--timeout", "301"],
      "option '--timeout <seconds>' argument '301' is invalid. It must be 300 or less; see `outright eval winrate --help`",
    ],
    [
      [...WINRATE, "--judge-model", "j", "--judge-key-env", "OUTRIGHT_NO_SUCH_KEY"],
      "--judge-key-env: the environment has no OUTRIGHT_NO_SUCH_KEY",
    ],
    [
      [...WINRATE, "--judge-model", "j", "--judge-url", "host:80"],
      "--judge-url: host:80 must begin with http:// or https://",
    ],
    [
      [...WINRATE, "--judge-model", "j", "--judge-url", "http://h/v1", "--judge-prompt", "none.txt"],
      "--judge-prompt: none.txt is not there",
    ],
    [
      [...WINRATE, "--judge-model", "j", "--judge-url", "http://h/v1", "--dry-run"],
      "r: unknown kind of file; supported are .json, .jsonl, .ndjson (each also with .gz) and .txt",
    ],
    [["train", "none.yaml"], "none.yaml: no such config file; `outright init` writes one to start from"],
    [["train", "--resume", "none"], "--resume: no such run directory: none"],
    [["train", "--resume", "."], "--resume: . holds no config.yaml, so it is no run's directory"],
    [["train", "typo.yaml", "--steps"], "--steps needs a value; see `outright train --help`"],
    [["train", "typo.yaml"], "typo.yaml:4: objectives.a.bach: unknown key; did you mean batch?"],
    [["preview", "typo.yaml"], "typo.yaml:4: objectives.a.bach: unknown key; did you mean batch?"],
    [["init", "run.json"], "run.json: give the config a name that ends in .yaml"],
    [
      ["init", "no/such/folder/run.yaml"],
      "no/such/folder/run.yaml cannot be written: there is no such directory",
    ],
    [
      ["score", "--model", "m", "--data", "d", "--format", "text", "--out", "no/such/scores.jsonl"],
      "--out: there is no directory FOLDER/no/such",
    ],
  ];
  it.each(cases)("%j", async (args, line) => {
    const outcome = await run(args, { cwd: folder });
    expect(outcome).toEqual({
      code: 1,
      signal: null,
      stdout: "",
      stderr: `outright: ${line.replace("FOLDER", folder)}\n`,
    });
  });

  it("a config with several problems has a line for each", async () => {
    const { code, stderr } = await run(["train", "two.yaml"], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toBe(
      "outright: two.yaml:1: model: must be a text; got 3\noutright: two.yaml:3: steps: must be a whole number, 1 or more; got 0\n",
    );
  });

  it("a directory that is no run is named", async () => {
    const { code, stderr } = await run(["report", "nowhere"], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^outright: nowhere: .*\n$/);
  });

  it("the stack is shown only where it is asked for", async () => {
    const [plain, asked, byName] = await Promise.all([
      run(["train", "none.yaml"], { cwd: folder }),
      run(["train", "none.yaml", "--stack"], { cwd: folder }),
      run(["train", "none.yaml"], { cwd: folder, env: { OUTRIGHT_STACK: "1" } }),
    ]);
    expect(plain.stderr).not.toContain("    at ");
    expect(asked.stderr).toContain("    at ");
    expect(byName.stderr).toContain("    at ");
  });
});

describe("init and schema", () => {
  it("init writes a config that misses nothing but model and data, and overwrites nothing", async () => {
    const first = await run(["init", "new.yaml"], { cwd: folder });
    expect(first.code).toBe(0);
    const written = readFileSync(join(folder, "new.yaml"), "utf8");
    const train = await run(["train", "new.yaml"], { cwd: folder });
    expect(
      train.stderr
        .trim()
        .split("\n")
        .map((line) => line.split(": ")[2]),
    ).toEqual(["model", "objectives.sft.data", "objectives.dpo.data"]);
    const second = await run(["init", "new.yaml"], { cwd: folder });
    expect(second.code).toBe(1);
    expect(second.stderr).toBe(
      "outright: new.yaml is there already; give another name, or remove it first\n",
    );
    expect(readFileSync(join(folder, "new.yaml"), "utf8")).toBe(written);
  });

  it("schema prints a JSON Schema", async () => {
    const { stdout, code } = await run(["schema"]);
    const schema = JSON.parse(stdout) as { $schema: string; properties: Record<string, unknown> };
    expect(code).toBe(0);
    expect(schema.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(Object.keys(schema.properties)).toContain("objectives");
  });
});

describe("a reader that goes away", () => {
  it("is no crash", async () => {
    const bin = fileURLToPath(new URL("../bin/outright.mjs", import.meta.url));
    const child = spawn(process.execPath, [bin, "schema"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});
