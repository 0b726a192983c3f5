/** A run that is killed at any moment and resumed ends with the bits of one that was left alone. */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RunConfigInput, train } from "outright";
import { describe, expect, it } from "vitest";
import { run, start } from "../packages/cli/test/command.js";
import { readRows, temporaryFolder, writeRows } from "./support/folder.js";
import { type RunResult, runResult } from "./support/run-state.js";

const goldens = join(import.meta.dirname, "goldens");
const support = join(import.meta.dirname, "support");
const STEPS = 12;

const folder = temporaryFolder();
const repeated = (file: string) =>
  [1, 2, 3, 4].flatMap((n) => {
    const rows = readRows<Record<string, string>>(join(goldens, "rows", file));
    return rows.map(({ prompt, instruction, ...rest }) =>
      prompt === undefined
        ? { ...rest, instruction: `${n}. ${instruction}` }
        : { ...rest, prompt: `${n}. ${prompt}` },
    );
  });
writeRows(join(folder, "sft.jsonl"), repeated("sft.jsonl"));
writeRows(join(folder, "dpo.jsonl"), repeated("dpo.jsonl"));

type Policy = NonNullable<RunConfigInput["policy"]>;

/** The second of each pair of objectives must get its turns too, so MAXRIGHT's optima lie near the first losses. */
const runs: Record<string, { model: string; policy: Policy }> = {
  alright: { model: "neox-nano", policy: { name: "alright", lambda: 0.5 } },
  maxright: {
    model: "llama-nano",
    policy: { name: "maxright", lambda: 0.5, every: 3, gaps: "fresh", optima: { sft: 6.8, dpo: 0.55 } },
  },
  sequential: {
    model: "llama-nano-tied",
    policy: {
      name: "sequential",
      stages: [
        { objective: "dpo", steps: 5 },
        { objective: "sft", steps: 7 },
      ],
      freshOptimizer: true,
    },
  },
};

/** Each run has a folder of its own, so that the cache of reference log-probs is not there yet. */
function config(name: keyof typeof runs, at: string, steps = STEPS): RunConfigInput {
  const { model, policy } = runs[name];
  mkdirSync(join(folder, at), { recursive: true });
  return {
    model: join(goldens, "models", model),
    out: join(folder, at, "run"),
    steps,
    threads: 1,
    maxLength: 256,
    tokensPerMicroBatch: 256,
    objectives: {
      sft: { kind: "sft", data: join(folder, "sft.jsonl"), format: "alpaca", batch: 5 },
      dpo: { kind: "dpo", data: join(folder, "dpo.jsonl"), format: "pairs", batch: 3 },
    },
    policy,
    optimizer: { lr: 1e-2 },
    schedule: { name: "cosine", warmup: 2 },
    evaluate: { every: 4, holdout: 0.2 },
    checkpoint: { every: 3, keep: 2 },
  };
}

function configFile(given: RunConfigInput): string {
  const path = join(given.out, "..", "config.json");
  writeFileSync(path, JSON.stringify(given));
  return path;
}

/** An uninterrupted run, and what it left. */
async function whole(name: string, report: boolean): Promise<RunResult> {
  const given = config(name, `${name}-whole-${report}`);
  await train(given, { report });
  const result = runResult(given.out);
  const trained = result.metrics.map((line) => (line as { objective?: string }).objective);
  for (const objective of ["sft", "dpo"]) expect(trained, "both objectives get turns").toContain(objective);
  expect(result.names).not.toContainEqual(expect.stringMatching(/(^|\/)\./));
  return result;
}

function expectSame(out: string, wanted: RunResult): void {
  expect(runResult(out)).toEqual(wanted);
  const cache = readdirSync(join(out, "../.cache/references"));
  expect(cache).toHaveLength(1);
  expect(cache[0]).toMatch(/^\w+\.safetensors$/);
}

/** Trains in a process that kills itself. @returns what it died at, or null where it came to its end */
async function trainUntil(file: string, from: RegExp, at: number): Promise<string | null> {
  const child = spawn(
    process.execPath,
    ["--import", join(support, "crash-on-write.mjs"), join(support, "train-child.mjs"), file],
    {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        ...process.env,
        OUTRIGHT_TEST_CRASH_IN: join(file, ".."),
        OUTRIGHT_TEST_CRASH_FROM: from.source,
        OUTRIGHT_TEST_CRASH_AT: String(at),
      },
    },
  );
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (...end) => resolve(end));
  });
  const died = /^died at change \d+: (.*)\n$/.exec(stderr)?.[1]?.replace(/-\d+/g, "-N") ?? null;
  if (died !== null) expect(signal).toBe("SIGKILL");
  else expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  return died;
}

/**
 * Numbers of the changes to die at, counted from the first that is named so. The three runs take turns: together they
 * visit each. The state that one process leaves is where the next one begins.
 */
const SWEEP: { from: RegExp; changes: number }[] = [
  { from: /^/, changes: 15 }, // lock, reference log-probs, config, environment, metrics
  { from: /mkdir run\/checkpoints\/\.step/, changes: 15 }, // a checkpoint, and what follows it
  { from: /rename run\/checkpoints\/\.step-\d+\.outright-tmp-\d+$/, changes: 3 }, // removal of an old one
  { from: /mkdir run\/\.model/, changes: 12 }, // the final model, and the lock given back
  { from: /rename run\/checkpoints\/\.step-12\.outright-old/, changes: 3 }, // the last checkpoint, once more
];

describe("killed at an exact change of the file system, again and again", () => {
  Object.keys(runs).forEach((name, turn, { length }) => {
    it.concurrent(`${name}: resumed to the same bits`, { timeout: 240_000 }, async () => {
      const wanted = await whole(name, false);
      const given = config(name, `${name}-crashed`);
      const file = configFile(given);
      const deaths: string[] = [];
      for (const { from, changes } of SWEEP) {
        for (let at = 1 + turn; at <= changes; at += length) {
          const died = await trainUntil(file, from, at);
          if (died !== null) deaths.push(died);
        }
      }
      expect(await trainUntil(file, /^/, Number.POSITIVE_INFINITY)).toBeNull();
      expectSame(given.out, wanted);
      // else nothing was shown
      for (const place of [
        /^write run\/checkpoints\/.step-N.outright-tmp/,
        /^(open|write|rename) run\/.model/,
      ])
        expect(deaths).toContainEqual(expect.stringMatching(place));
      expect(deaths.length).toBeGreaterThan(12);
    });
  });
});

describe("killed while it saves an adapter, and the model after it", () => {
  it.concurrent("a LoRA run with dropout: resumed to the same bits", { timeout: 240_000 }, async () => {
    const lora = { rank: 4, alpha: 8, dropout: 0.2, targets: "all-linear" };
    const at = (folder: string) => ({ ...config("alright", folder), lora });
    const whole = at("lora-whole");
    await train(whole, { report: false });
    const wanted = runResult(whole.out);
    expect(Object.keys(wanted.model)).toContain("adapter/adapter_model.safetensors");
    const given = at("lora-crashed");
    const file = configFile(given);
    const deaths: (string | null)[] = [];
    for (const change of [1, 3, 5, 8, 11, 14])
      deaths.push(await trainUntil(file, /mkdir run\/\.adapter/, change));
    expect(await trainUntil(file, /^/, Number.POSITIVE_INFINITY)).toBeNull();
    expectSame(given.out, wanted);
    for (const place of [/run\/\.adapter/, /run\/\.model/])
      expect(deaths).toContainEqual(expect.stringMatching(place));
  });
});

describe("killed at any moment, again and again, through the command", () => {
  /** What the process has said, and milliseconds after that; what it says comes late, so these fall all over. */
  const MOMENTS: { said: string; delay: number }[] = [
    { said: "", delay: 120 },
    { said: "", delay: 400 },
    { said: "reference log-probs of dpo", delay: 0 },
    { said: '"type":"start"', delay: 3 },
    { said: '"step":2,', delay: 0 },
    { said: '"step":5,', delay: 5 },
    { said: '"step":8,', delay: 0 },
    { said: '"type":"end"', delay: 0 },
    { said: '"type":"end"', delay: 10 },
  ];

  it.concurrent("alright: resumed to the same bits, with its report", { timeout: 240_000 }, async () => {
    const wanted = await whole("alright", true);
    const given = config("alright", "alright-killed");
    const args = ["train", configFile(given), "--resume", "--json"];
    let killed = 0;
    for (const { said, delay } of MOMENTS) {
      const running = start(args);
      await Promise.race([running.saw(said).catch(() => {}), running.outcome]);
      await Promise.race([new Promise((resolve) => setTimeout(resolve, delay)), running.outcome]);
      running.child.kill("SIGKILL");
      const { signal, code, stderr } = await running.outcome;
      expect(stderr).toBe("");
      if (signal === "SIGKILL") killed++;
      else expect(code).toBe(0);
    }
    expect(killed).toBeGreaterThanOrEqual(MOMENTS.length - 2);
    expect(await run(args)).toMatchObject({ code: 0, stderr: "" });
    expectSame(given.out, wanted);
    expect(wanted.names).toContain("report.html");
  });
});

describe("a checkpoint that was damaged since", () => {
  it.concurrent("is told of and passed over: the one before it leads to the same bits", {
    timeout: 60_000,
  }, async () => {
    const given = config("maxright", "maxright-damaged");
    await train(given, { report: false });
    const wanted = runResult(given.out);
    rmSync(join(given.out, "model"), { recursive: true });
    truncateSync(join(given.out, "checkpoints/step-12/optimizer.safetensors"), 100_000);
    const { code, stderr, stdout } = await run(["train", configFile(given), "--resume"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: .*step-12: the checkpoint is damaged .*optimizer\.safetensors has 100000/,
    );
    expect(stdout).toContain("resuming after step 9 of 12\n");
    rmSync(join(given.out, "report.html"));
    expectSame(given.out, wanted);
  });
});
