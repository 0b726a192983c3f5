import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunConfigInput, type TrainEvent, train } from "outright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run, start } from "./command.js";

const MODEL = fileURLToPath(new URL("../../../test/goldens/models/llama-nano", import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outright-train-"));
  const rows = Array.from({ length: 40 }, (_, n) => n);
  write(
    "sft.jsonl",
    rows.map((n) => ({ prompt: `count ${n}`, response: `${n} ${n + 1}` })),
  );
  write(
    "dpo.jsonl",
    rows.map((n) => ({ prompt: `name ${n}`, chosen: `the ${n}`, rejected: `${n}!` })),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, rows: object[]): void {
  writeFileSync(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

function config(out: string, steps: number, changes: Partial<RunConfigInput> = {}): RunConfigInput {
  return {
    model: MODEL,
    out: join(folder, out),
    steps,
    threads: 1,
    maxLength: 128,
    objectives: {
      sft: { kind: "sft", data: join(folder, "sft.jsonl"), format: "prompt-response", batch: 4 },
      dpo: { kind: "dpo", data: join(folder, "dpo.jsonl"), format: "pairs", batch: 2 },
    },
    policy: { name: "alright", lambda: 0.5 },
    evaluate: { every: 0, holdout: 0.1 },
    ...changes,
  };
}

/** Writes a config file and gives its path. */
function file(name: string, given: RunConfigInput): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(given, null, 2));
  return path;
}

const modelBytes = (out: string): Buffer => readFileSync(join(folder, out, "model/model.safetensors"));

describe("outright train", () => {
  it("leaves a complete run, with --json nothing but events on standard output", async () => {
    const path = file("json.json", config("json", 6));
    const { code, stdout, stderr } = await run(["train", path, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line) as TrainEvent);
    expect(
      events.filter(({ type }) => type === "step").map((event) => (event as { step: number }).step),
    ).toEqual([1, 2, 3, 4, 5, 6]);
    expect(events.at(-1)).toMatchObject({ type: "end", reason: "finished", step: 6 });
    const metrics = readFileSync(join(folder, "json/metrics.jsonl"), "utf8").trimEnd().split("\n");
    const written = lines.filter((line) => !/^\{"type":"(progress|notice)"/.test(line));
    expect(metrics).toEqual(written);
    for (const name of ["config.yaml", "environment.json", "model/model.safetensors", "report.html"]) {
      expect(existsSync(join(folder, "json", name)), name).toBe(true);
    }
  });

  it("says at the end where everything is, in plain lines without a terminal", async () => {
    const { code, stdout, stderr } = await run(["train", file("plain.json", config("plain", 3))]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("step 3/3");
    expect(stdout).toMatch(
      /finished 3 steps in .*\n {2}model {4}.*\/plain\/model\n {2}metrics .*metrics\.jsonl\n {2}report .*report\.html\n$/,
    );
    expect(stdout).not.toContain("\x1b");
  });

  it("refuses a directory that holds another run; resumes a finished one by saying so", async () => {
    const path = file("twice.json", config("twice", 2));
    expect((await run(["train", path])).code).toBe(0);
    const model = modelBytes("twice");
    const again = await run(["train", path]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/^outright: .*twice.*\n$/);
    const resumed = await run(["train", path, "--resume"]);
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toContain("is finished: 2 steps, the model is in");
    const other = await run(["train", path, "--resume", "--seed", "7"]);
    expect(other.code).toBe(1);
    expect(other.stderr).toBe(
      `outright: ${join(folder, "twice")} cannot be resumed with another config: seed differs from its config.yaml; take them back, or give another out\n`,
    );
    expect(modelBytes("twice").equals(model)).toBe(true);
  });

  it("saves on Ctrl-C, and goes on to the same bits", async () => {
    const whole = await run(["train", file("whole.json", config("whole", 300))]);
    expect(whole.code).toBe(0);

    const first = start(["train", file("part.json", config("part", 300)), "--json"]);
    await first.saw('"step":5,');
    first.child.kill("SIGINT");
    const stopped = await first.outcome;
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/^SIGINT: saving step \d+, press again to quit at once\n$/);
    expect(existsSync(join(folder, "part/model"))).toBe(false);

    const second = start(["train", "--resume", join(folder, "part"), "--json"]);
    await second.saw('"type":"step"');
    second.child.kill("SIGTERM");
    expect((await second.outcome).code).toBe(143);

    const third = await run(["train", "--resume", join(folder, "part")]);
    expect(third.code).toBe(0);
    expect(third.stdout).toContain("resuming after step");
    expect(modelBytes("part").equals(modelBytes("whole"))).toBe(true);
  });

  it("quits at once on the second Ctrl-C, even in the middle of a step", async () => {
    const path = file("hard.json", config("hard", 50));
    // one step of thousands of examples takes many seconds
    const running = start([
      "train",
      path,
      "--objectives.sft.batch",
      "60000",
      "--policy",
      "{name: single, objective: sft}",
    ]);
    await running.saw("policy single");
    await new Promise((resolve) => setTimeout(resolve, 500));
    running.child.kill("SIGINT");
    await running.saw("press again to quit at once");
    const begun = performance.now();
    running.child.kill("SIGINT");
    const { signal } = await running.outcome;
    expect(signal).toBe("SIGINT");
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  it("goes on training where its reader goes away", async () => {
    const running = start(["train", file("deaf.json", config("deaf", 4)), "--json"]);
    running.child.stdout.destroy();
    expect((await running.outcome).code).toBe(0);
    expect(existsSync(join(folder, "deaf/model/model.safetensors"))).toBe(true);
  });

  it("--resume with nothing to resume starts from the beginning and says so", async () => {
    const { code, stdout } = await run(["train", file("fresh.json", config("fresh", 2)), "--resume"]);
    expect(code).toBe(0);
    expect(stdout).toContain("there is no checkpoint yet: starting from the beginning\n");
    expect(stdout).toContain("finished 2 steps");
  });

  it("--dry-run reads model and data and writes nothing", async () => {
    const { code, stdout, stderr } = await run(["train", file("dry.json", config("dry", 2)), "--dry-run"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("sft: 40 of 40 rows of sft.jsonl");
    expect(stdout).toContain("the config is good: 2 steps would be written to ");
    expect(existsSync(join(folder, "dry"))).toBe(false);
  });

  it("--dry-run reads the text of evaluate.text too", async () => {
    write("no-text.jsonl", [{ body: "x" }]);
    const text = join(folder, "no-text.jsonl");
    const given = config("dry-text", 2, { evaluate: { holdout: 0.1, text } });
    const { code, stderr } = await run(["train", file("dry-text.json", given), "--dry-run"]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^outright: \S+no-text\.jsonl: row 0 [^\n]*field "text" is missing[^\n]*\n$/);
  });
});

describe("import { train } from outright", () => {
  it("resolves with the losses, tells events, and leaves the thread free", async () => {
    const events: TrainEvent[] = [];
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const result = await train(config("library", 40), {
      onEvent: (event) => events.push(event),
      report: false,
    });
    clearInterval(timer);
    expect(result).toMatchObject({ out: join(folder, "library"), reason: "finished", step: 40 });
    expect(Object.keys(result.losses).sort()).toEqual(["dpo", "sft"]);
    for (const loss of Object.values(result.losses)) expect(loss).toBeGreaterThan(0);
    expect(events.filter(({ type }) => type === "step")).toHaveLength(40);
    expect(ticks).toBeGreaterThan(3);
    expect(existsSync(join(folder, "library/report.html"))).toBe(false);
  });

  it("stops on an abort signal, and resumes", async () => {
    const abort = new AbortController();
    const onEvent = (event: TrainEvent): void => {
      if (event.type === "step" && event.step === 3) abort.abort();
    };
    const stopped = await train(config("abort", 300), { signal: abort.signal, onEvent });
    expect(stopped.reason).toBe("stopped");
    expect(stopped.step).toBeGreaterThanOrEqual(3);
    expect(stopped.step).toBeLessThan(300);
    const resumed = await train(config("abort", 300), { resume: true });
    expect(resumed).toMatchObject({ reason: "finished", step: 300 });
  });

  it("rejects with one-line errors, from the config and from within the engine alike", async () => {
    await expect(train({ ...config("bad", 1), steps: 0 })).rejects.toThrow(
      "steps: must be a whole number, 1 or more; got 0",
    );
    write("broken.jsonl", [{ prompt: "a", response: "b" }, { prompt: "a" }]);
    const broken = config("broken", 1);
    const objectives = {
      sft: { ...broken.objectives.sft, data: join(folder, "broken.jsonl") },
    } as RunConfigInput["objectives"];
    const { policy: _, ...rest } = broken;
    const failed = train({ ...rest, objectives });
    await expect(failed).rejects.toThrow(/broken\.jsonl: row 1.*response/);
    await expect(failed).rejects.toThrow(/^[^\n]+$/);
  });

  it("rejects with the error that the caller's own function throws", async () => {
    const onEvent = (event: TrainEvent): void => {
      if (event.type === "step") throw new Error("mine");
    };
    await expect(train(config("thrown", 300), { onEvent })).rejects.toThrow("mine");
    // it was saved, and left: another may go on with it
    expect(await train(config("thrown", 300), { resume: true })).toMatchObject({
      reason: "finished",
      step: 300,
    });
  });
});
