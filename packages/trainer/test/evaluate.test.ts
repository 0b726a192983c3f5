/** Optima, training-slice losses, budgets, one backward pass of Mix, and models evaluated by a run's own code. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type EndEvent,
  type EvalEvent,
  evaluateModel,
  type MetricsLine,
  parseConfig,
  type RunConfigInput,
  type StartEvent,
  type StepEvent,
  type TrainEvent,
  train,
} from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const goldens = join(import.meta.dirname, "../../../test/goldens");
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outright-evaluate-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function config(out: string, changes: Partial<RunConfigInput> = {}): RunConfigInput {
  const rows = (name: string) => join(goldens, "rows", name);
  return {
    model: join(goldens, "models/llama-nano"),
    device: "cpu",
    maxLength: 512,
    objectives: {
      sft: { kind: "sft", data: rows("sft.jsonl"), format: "alpaca", template: "plain", batch: 3 },
      dpo: { kind: "dpo", data: rows("dpo.jsonl"), format: "pairs", batch: 2 },
    },
    policy: { name: "alright", lambda: 0.5 },
    optimizer: { lr: 1e-3 },
    steps: 6,
    evaluate: { every: 3, holdout: 0.2, trainRows: 4 },
    out: join(root, out),
    ...changes,
  };
}

async function run(input: RunConfigInput) {
  const notices: string[] = [];
  const onEvent = (event: TrainEvent) => {
    if (event.type === "notice") notices.push(event.message);
  };
  await train(parseConfig(input), { onEvent });
  const text = readFileSync(join(input.out, "metrics.jsonl"), "utf8");
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as MetricsLine);
  const of = <Type extends MetricsLine>(type: Type["type"]) =>
    lines.filter((line) => line.type === type) as Type[];
  return {
    notices,
    start: of<StartEvent>("start")[0] as StartEvent,
    steps: of<StepEvent>("step"),
    evals: of<EvalEvent>("eval"),
    end: of<EndEvent>("end")[0] as EndEvent,
    model: readFileSync(join(input.out, "model/model.safetensors")),
  };
}

/** An optima.json with the given f*. */
function optimaFile(name: string, objectives: Record<string, unknown>): string {
  const path = join(root, name);
  writeFileSync(path, JSON.stringify({ version: 1, objectives }));
  return path;
}

describe("evaluations", () => {
  it("tell the losses on the first training rows beside those on held-out rows", async () => {
    const { evals } = await run(config("slice"));
    expect(evals.map(({ step }) => step)).toEqual([0, 3, 6]);
    for (const { train: slice } of evals) expect(Object.keys(slice?.losses ?? {})).toEqual(["sft", "dpo"]);
    // the model is the reference still, on whichever rows
    expect(Math.fround(evals[0]?.train?.losses.dpo as number)).toBe(Math.fround(Math.LN2));
    const heldOut = evals[2]?.losses.sft as number;
    expect(evals[2]?.train?.losses.sft).not.toBe(heldOut);
    const whole = await run(config("slice-whole", { evaluate: { every: 0, holdout: 0, trainRows: 1000 } }));
    const none = await run(config("slice-none", { evaluate: { every: 0, holdout: 0 } }));
    expect(whole.evals.length).toBe(2);
    expect(whole.evals[1]?.losses).toEqual({});
    expect(none.evals).toEqual([]);
    expect(whole.model.equals(none.model)).toBe(true);
  });

  it("hold out the same rows for every seed where splitSeed is the same", async () => {
    const losses = async (seed: number, splitSeed?: number) => {
      const evaluate = { every: 0, holdout: 0.2, ...(splitSeed === undefined ? {} : { splitSeed }) };
      const event = await evaluateModel(parseConfig(config(`split-${seed}`, { seed, evaluate })));
      return event?.losses.sft;
    };
    expect(await losses(2, 7)).toBe(await losses(1, 7));
    expect(await losses(2)).not.toBe(await losses(1));
  });

  it("measure gaps from optima of the config or of a file, and say where they come from", async () => {
    const numbers = await run(config("optima-numbers", { optima: { sft: 1.5, dpo: 0.25 } }));
    const last = numbers.evals.at(-1) as EvalEvent;
    expect(last.gaps?.sft).toBe((last.losses.sft as number) - 1.5);
    expect(last.idealDistance).toBe(Math.hypot(...Object.values(last.gaps ?? {})));
    expect(last.train?.gaps).toBeUndefined();
    expect(numbers.start.optimaFrom).toEqual({ sft: "config", dpo: "config" });

    const path = optimaFile("optima.json", {
      sft: { heldout: 1.5, train: 1.25 },
      dpo: { heldout: 0.25, train: 0.125 },
    });
    const file = await run(config("optima-file", { optima: path }));
    const end = file.evals.at(-1) as EvalEvent;
    expect(end.gaps).toEqual(last.gaps);
    expect(end.train?.gaps?.dpo).toBe((end.train?.losses.dpo as number) - 0.125);
    expect(file.start.optimaFrom).toEqual({ sft: path, dpo: path });
  });

  it("MAXRIGHT decides by these optima, but for those of its own", () => {
    const policy = { name: "maxright", lambda: 0.5, optima: { dpo: 0.1 } } as const;
    const resolved = parseConfig(config("maxright", { policy, optima: { sft: 1.5, dpo: 0.25 } }));
    expect(resolved.policy).toMatchObject({ optima: { sft: 1.5, dpo: 0.1 } });
  });

  it("warn of optima that were measured on other rows", async () => {
    const key = "0123456789abcdef";
    const path = optimaFile("others.json", { sft: { heldout: 1.5, key }, dpo: { heldout: 0.25 } });
    const { notices } = await run(config("others", { optima: path }));
    expect(notices.filter((notice) => notice.startsWith("f* of"))).toEqual([
      `f* of sft (1.5, from ${path}) was measured with other data, rows, loss or reference than this run has; measure it anew with \`outright optima\``,
    ]);
  });

  it.each([
    [
      "no file",
      "nowhere.json",
      /^optima: no such file: .*nowhere\.json; `outright optima run\.yaml` makes one$/,
    ],
    ["no optima", "bad.json", /^optima: .*bad\.json is no optima\.json of version 1; /],
    [
      "an objective missing",
      "half.json",
      /^optima: .*half\.json tells no held-out optimum of dpo; it has sft$/,
    ],
  ])("optima that cannot be used: %s", (_, name, message) => {
    writeFileSync(join(root, "bad.json"), "[1, 2");
    optimaFile("half.json", { sft: { heldout: 1 } });
    expect(() => parseConfig(config("bad", { optima: join(root, name) }))).toThrow(message);
  });

  it("optima of unknown objectives are refused", () => {
    expect(() => parseConfig(config("unknown", { optima: { sft: 1, kto: 2 } }))).toThrow(
      "optima.kto: there is no objective kto; there are sft, dpo",
    );
  });
});

describe("the end of a run", () => {
  it("tells what all training steps took", async () => {
    const { end, steps } = await run(config("totals"));
    const sum = (of: (step: StepEvent) => number) => steps.reduce((total, step) => total + of(step), 0);
    expect(end.training).toMatchObject({
      tokens: sum(({ tokens }) => tokens),
      lossTokens: sum(({ lossTokens }) => lossTokens),
      pairs: sum(({ pairs }) => pairs),
      seconds: sum(({ seconds }) => seconds),
    });
    expect(end.training.threads).toBeGreaterThan(0);
    expect(end.training.cpuSeconds).toBeGreaterThan(0);
    expect(end.peakTensorBytes).toBeGreaterThan(100_000);
    expect(end.peakRssBytes).toBeGreaterThan(end.peakTensorBytes);
  });

  it("comes with the first step that spends the budget of tokens, evaluated and saved", async () => {
    const whole = await run(config("no-budget"));
    const [first, second] = whole.steps as [StepEvent, StepEvent];
    const spent = await run(config("budget", { budget: { tokens: first.tokens + 1 } }));
    expect(spent.steps.length).toBe(2);
    expect(spent.end).toMatchObject({ step: 2, reason: "finished" });
    expect(spent.end.training.tokens).toBe(first.tokens + second.tokens);
    expect(spent.evals.map(({ step }) => step)).toEqual([0, 2]);
    const exact = await run(config("exact-budget", { budget: { tokens: first.tokens } }));
    expect(exact.steps.length).toBe(1);
    const seconds = await run(config("seconds", { budget: { seconds: 1e-9 } }));
    expect(seconds.steps.length).toBe(1);
  });

  it("a budget and a falling learning rate do not go together", () => {
    const falling = config("falling", { budget: { tokens: 9 }, schedule: { name: "cosine" } });
    expect(() => parseConfig(falling)).toThrow(/^schedule\.name: falls over `steps`, and a budget ends/);
    expect(() => parseConfig(config("none", { budget: {} as never }))).toThrow(/^budget: /);
  });
});

describe("Mix with one backward pass", () => {
  it.each([
    ["all parameters", {}],
    ["adapters with dropout", { lora: { rank: 4, dropout: 0.3 } }],
  ] as const)("gives the bits of two, and holds more: %s", async (name, changes) => {
    const mix = (backward: "apart" | "together", out: string) =>
      run(
        config(`${out}-${name}`, {
          ...changes,
          policy: { name: "mix", lambda: 0.3, backward },
          tokensPerMicroBatch: 100,
          steps: 3,
        } as Partial<RunConfigInput>),
      );
    const apart = await mix("apart", "apart");
    const together = await mix("together", "together");
    expect(together.steps.map(({ losses, gradNorm }) => [losses, gradNorm])).toEqual(
      apart.steps.map(({ losses, gradNorm }) => [losses, gradNorm]),
    );
    expect(together.model.equals(apart.model)).toBe(true);
    expect(together.end.peakTensorBytes).toBeGreaterThan(1.2 * apart.end.peakTensorBytes);
  });
});

describe("evaluateModel", () => {
  it("gives the losses that the run itself told at its beginning and at its end", async () => {
    const input = config("evaluated", { dtype: "float32" });
    const { evals } = await run(input);
    const model = join(input.out, "model");
    const before = await evaluateModel(parseConfig(input));
    const after = await evaluateModel(parseConfig(input), { model });
    expect(before?.losses).toEqual(evals[0]?.losses);
    expect(before?.train).toEqual(evals[0]?.train);
    expect(after?.losses).toEqual(evals.at(-1)?.losses);
    expect(after?.rewards).toEqual(evals.at(-1)?.rewards);
  });

  it("is stopped between its parts, and refuses what it cannot evaluate", async () => {
    const stopped = await evaluateModel(parseConfig(config("stopped")), { shouldStop: () => true });
    expect(stopped).toBeNull();
    const nothing = parseConfig(config("nothing", { evaluate: { holdout: 0 } }));
    await expect(evaluateModel(nothing)).rejects.toThrow(/^evaluate: no objective has held-out rows/);
  });
});
