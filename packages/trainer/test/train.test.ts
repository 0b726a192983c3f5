/** The loop through its public door: a config in, a run directory out. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  loadModel,
  openDevice,
  parseConfig,
  type RunConfigInput,
  type TrainEvent,
  train,
} from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const goldens = join(import.meta.dirname, "../../../test/goldens");
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outright-train-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const sft = {
  kind: "sft",
  data: join(goldens, "rows/sft.jsonl"),
  format: "alpaca",
  template: "plain",
  batch: 6,
} as const;
const dpo = {
  kind: "dpo",
  data: join(goldens, "rows/dpo.jsonl"),
  format: "pairs",
  batch: 4,
  beta: 0.1,
} as const;

/** A run over the golden rows in file order, with the goldens' optimizer. */
function config(out: string, changes: Partial<RunConfigInput>): RunConfigInput {
  return {
    version: 1,
    model: join(goldens, "models/llama-nano"),
    device: "cpu",
    order: "file",
    maxLength: 512,
    objectives: { sft, dpo },
    policy: { name: "alright", lambda: 0.5 },
    optimizer: { name: "adamw", lr: 1e-3, betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0, clip: 1 },
    steps: 4,
    out: join(root, out),
    ...changes,
  } as RunConfigInput;
}

interface Line {
  type: string;
  step: number;
  objective: string;
  loss: number;
  losses: Record<string, number>;
  gradNorm: number;
  rewards?: { chosen: number; rejected: number; margin: number; accuracy: number };
  stepsPerObjective: Record<string, number>;
}

async function run(input: RunConfigInput, onEvent: (event: TrainEvent) => void = () => {}) {
  const resolved = parseConfig(input);
  const result = await train(resolved, { onEvent });
  const lines = readFileSync(join(resolved.out, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const model = readFileSync(join(resolved.out, "model/model.safetensors"));
  return { result, lines, steps: lines.filter(({ type }) => type === "step"), model };
}

describe("train", () => {
  it("gives the goldens' losses and gradient norms, step by step", async () => {
    for (const name of ["llama-nano", "neox-nano"]) {
      const expected = JSON.parse(readFileSync(join(goldens, `expected/${name}.fp64.json`), "utf8")).train.sft
        .steps as {
        loss: number;
        grad_norm: number;
      }[];
      const { steps } = await run(
        config(`golden-${name}`, {
          model: join(goldens, "models", name),
          policy: { name: "single", objective: "sft" },
        }),
      );
      expect(steps.length).toBe(expected.length);
      steps.forEach((step, i) => {
        const { loss, grad_norm } = expected[i] as { loss: number; grad_norm: number };
        expect(Math.abs(step.loss / loss - 1)).toBeLessThan(2e-6);
        expect(Math.abs(step.gradNorm / grad_norm - 1)).toBeLessThan(1e-4);
      });
    }
  });

  it("begins DPO with a margin of exactly 0 and a loss of ln 2", async () => {
    const { steps } = await run(
      config("dpo", { policy: { name: "single", objective: "dpo" }, tokensPerMicroBatch: 60 }),
    );
    expect(steps[0]?.rewards).toEqual({ chosen: 0, rejected: 0, margin: 0, accuracy: 0.5 });
    expect(Math.fround(steps[0]?.loss as number)).toBe(Math.fround(Math.LN2));
    expect(steps[1]?.rewards?.margin).toBeGreaterThan(0);
  });

  it("gives the same bits twice, on any number of threads", async () => {
    const one = await run(config("same-1", { threads: 1 }));
    const two = await run(config("same-2", { threads: 2 }));
    expect(two.model.equals(one.model)).toBe(true);
    expect(two.steps.map(({ loss, gradNorm }) => [loss, gradNorm])).toEqual(
      one.steps.map(({ loss, gradNorm }) => [loss, gradNorm]),
    );
  });

  it("accumulates over micro-batches what one batch gives", async () => {
    const mix = { policy: { name: "mix", lambda: 0.3 } } as const;
    const whole = await run(config("mix-whole", { ...mix, tokensPerMicroBatch: 4096 }));
    const parts = await run(config("mix-parts", { ...mix, tokensPerMicroBatch: 1 }));
    whole.steps.forEach((step, i) => {
      expect(step.objective).toBe("sft+dpo");
      expect(step.loss).toBeCloseTo(
        0.7 * (step.losses["sft"] as number) + 0.3 * (step.losses["dpo"] as number),
        12,
      );
      expect(Math.abs((parts.steps[i]?.loss as number) / step.loss - 1)).toBeLessThan(1e-5);
      if (i === 0)
        expect(Math.abs((parts.steps[i]?.gradNorm as number) / step.gradNorm - 1)).toBeLessThan(1e-6);
    });
  });

  it("gives the same bits whatever is recomputed, in either family", async () => {
    for (const name of ["llama-nano", "neox-nano"]) {
      const of = (recompute: "none" | "attention" | "block") =>
        run(
          config(`recompute-${name}-${recompute}`, {
            model: join(goldens, "models", name),
            policy: { name: "mix", lambda: 0.5 },
            tokensPerMicroBatch: 120,
            steps: 2,
            recompute,
          }),
        );
      const kept = await of("none");
      for (const recompute of ["attention", "block"] as const) {
        const again = await of(recompute);
        expect(again.model.equals(kept.model), `${name} ${recompute}`).toBe(true);
        expect(again.steps.map(({ loss, gradNorm }) => [loss, gradNorm])).toEqual(
          kept.steps.map(({ loss, gradNorm }) => [loss, gradNorm]),
        );
      }
    }
  });

  it("trains Sequential's stages in order, and counts them", async () => {
    const stages = [
      { objective: "dpo", steps: 1 },
      { objective: "sft", steps: 3 },
    ];
    const { steps, lines } = await run(config("sequential", { policy: { name: "sequential", stages } }));
    expect(steps.map(({ objective }) => objective)).toEqual(["dpo", "sft", "sft", "sft"]);
    expect(lines.at(-1)).toMatchObject({
      type: "end",
      reason: "finished",
      stepsPerObjective: { dpo: 1, sft: 3 },
    });
  });

  it("starts a stage's optimizer anew only where asked", async () => {
    const stages = [
      { objective: "sft", steps: 2 },
      { objective: "sft", steps: 2 },
    ];
    const losses = async (out: string, freshOptimizer: boolean) => {
      const policy = { name: "sequential", stages, freshOptimizer } as const;
      return (await run(config(out, { policy }))).steps.map(({ loss }) => loss);
    };
    const kept = await losses("kept", false);
    const fresh = await losses("fresh", true);
    const single = (await run(config("single", { policy: { name: "single", objective: "sft" } }))).steps;
    expect(kept).toEqual(single.map(({ loss }) => loss));
    expect(fresh.slice(0, 3)).toEqual(kept.slice(0, 3));
    expect(fresh[3]).not.toBe(kept[3]);
  });

  it("computes reference log-probs once and finds them again", async () => {
    const stagesOf = async (out: string) => {
      const stages = new Set<string>();
      const listen = (event: TrainEvent) => event.type === "progress" && stages.add(event.stage);
      const { steps } = await run(
        config(join("cached", out), { policy: { name: "single", objective: "dpo" } }),
        listen,
      );
      return { asked: stages.has("reference log-probs of dpo"), losses: steps.map(({ loss }) => loss) };
    };
    const first = await stagesOf("first");
    const second = await stagesOf("second");
    expect([first.asked, second.asked]).toEqual([true, false]);
    expect(second.losses).toEqual(first.losses);
  });

  it("evaluates held-out rows before, between and after, with gaps where the optima are known", async () => {
    const policy = { name: "maxright", lambda: 0.5, every: 2, optima: { sft: 4, dpo: 0.5 } } as const;
    const { lines } = await run(
      config("evaluated", {
        policy,
        evaluate: { every: 2, rows: 2, holdout: 0.4 },
        objectives: { sft: { ...sft, batch: 2 }, dpo: { ...dpo, batch: 2 } },
      }),
    );
    const evaluations = lines.filter(({ type }) => type === "eval") as unknown as {
      step: number;
      losses: Record<string, number>;
      gaps: Record<string, number>;
      idealDistance: number;
    }[];
    expect(evaluations.map(({ step }) => step)).toEqual([0, 2, 4]);
    expect(Math.fround(evaluations[0]?.losses["dpo"] as number)).toBe(Math.fround(Math.LN2));
    for (const { losses, gaps, idealDistance } of evaluations) {
      expect(gaps["sft"]).toBe((losses["sft"] as number) - 4);
      expect(idealDistance).toBeCloseTo(Math.hypot(gaps["sft"] as number, gaps["dpo"] as number), 12);
    }
  });

  it("writes a model that loads again and holds other weights than it began with", async () => {
    const { result } = await run(config("saved", {}));
    const device = openDevice({ device: "cpu" });
    const trained = loadModel(device, join(result.out, "model")).model;
    const initial = loadModel(device, join(goldens, "models/llama-nano")).model;
    expect(trained.parameters.map(({ name }) => name)).toEqual(initial.parameters.map(({ name }) => name));
    expect(trained.head.toFloat32()).not.toEqual(initial.head.toFloat32());
    device.close();
  });

  it("stops by name of step, objective and rows when a loss is not finite", async () => {
    const wild = {
      optimizer: { name: "adamw", lr: 1e30 },
      policy: { name: "single", objective: "sft" },
    } as const;
    await expect(run(config("wild", wild))).rejects.toThrow(
      /^step [23]: the (loss of objective "sft"|gradient norm) is (NaN|Infinity).*rows 0, 1, 2, 3, 4, 5/,
    );
  });

  it("refuses a device that is not there, and says why", async () => {
    await expect(run(config("cuda", { device: "cuda" }))).rejects.toThrow(/^device "cuda" cannot be used: /);
  });

  it("random weights need no weights file and follow the seed", async () => {
    const losses = async (out: string, seed: number) =>
      (
        await run(
          config(out, { init: "random", seed, steps: 1, policy: { name: "single", objective: "sft" } }),
        )
      ).steps[0]?.loss;
    const first = await losses("random-1", 1);
    expect(await losses("random-2", 1)).toBe(first);
    expect(await losses("random-3", 2)).not.toBe(first);
  });
});

describe("resume", () => {
  it("refuses a reference that changed since the checkpoint", async () => {
    const reference = join(root, "reference");
    cpSync(join(goldens, "models/llama-nano"), reference, { recursive: true });
    const input = config("reference-changed", {
      objectives: { dpo: { ...dpo, reference } },
      policy: { name: "single", objective: "dpo" },
      checkpoint: { every: 2, keep: 2 },
    });
    const resolved = parseConfig(input);
    let steps = 0;
    const listen = (event: TrainEvent) => {
      if (event.type === "step") steps = event.step;
    };
    await train(resolved, { onEvent: listen, shouldStop: () => steps >= 2 });
    const weights = join(reference, "model.safetensors");
    const bytes = readFileSync(weights);
    bytes[bytes.length - 2] = (bytes[bytes.length - 2] as number) ^ 1;
    writeFileSync(weights, bytes);
    await expect(train(resolved, { resume: true })).rejects.toThrow(
      /the reference of objective "dpo" changed since this checkpoint \(model\)/,
    );
  });
});
