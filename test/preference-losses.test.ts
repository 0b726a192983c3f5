/** Each preference loss from a config to what it does to a model: it falls, it accumulates exactly, it needs what it reads and no more. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadDataset, loadTokenizer } from "@outright/data";
import { scoreFile } from "@outright/eval";
import { completeLoss, type GivenLoss, usesReference } from "@outright/objectives";
import { loadModel, openDevice, parseConfig, runPairBatch, type TrainEvent, train } from "@outright/trainer";
import { afterAll, describe, expect, it } from "vitest";
import { run } from "../packages/cli/test/command.js";
import { readRows, temporaryFolder, writeRows } from "./support/folder.js";
import { runResult } from "./support/run-state.js";

const goldens = join(import.meta.dirname, "goldens");
const model = join(goldens, "models/llama-nano");
const folder = temporaryFolder();
const pairs = readRows<Record<string, string>>(join(goldens, "rows/dpo.jsonl"));
const data = join(folder, "pairs.jsonl");
// what the margins are says something to mmpo alone
writeRows(
  data,
  [...pairs, ...pairs].map((pair, i) => ({
    ...pair,
    prompt: `${i}. ${pair["prompt"]}`,
    margin: [2, 0.5, -1, 3][i % 4],
  })),
);
const bare = join(folder, "bare.jsonl");
writeRows(bare, pairs);

const losses: GivenLoss[] = [
  { loss: "sigmoid", labelSmoothing: 0.1 },
  { loss: "sigmoid", beta: 1, lengthNormalised: true },
  { loss: "sigmoid", nll: 1 },
  { loss: "ipo" },
  { loss: "hinge" },
  { loss: "robust", labelSmoothing: 0.2 },
  { loss: "mmpo" },
  { loss: "simpo" },
  { loss: "orpo" },
];
const named = (given: GivenLoss) =>
  Object.entries(given)
    .map(([key, value]) => (key === "loss" ? value : `${key} ${value}`))
    .join(", ");

const config = (out: string, loss: GivenLoss, changes: object = {}) =>
  parseConfig({
    model,
    device: "cpu",
    threads: 1,
    order: "file",
    maxLength: 512,
    objectives: { dpo: { kind: "dpo", data, format: "pairs", batch: 8, ...loss } } as never,
    optimizer: { lr: 3e-3 },
    steps: 8,
    out: join(folder, out, "run"),
    ...changes,
  });

interface Line {
  type: string;
  loss: number;
  losses: Record<string, number>;
  nll?: number;
  gradNorm: number;
  rewards: { chosen: number; rejected: number; margin: number; accuracy: number };
}
const linesOf = (out: string) => readRows<Line>(join(out, "metrics.jsonl"));
const stepsOf = (out: string) => linesOf(out).filter(({ type }) => type === "step");

const device = openDevice({ device: "cpu", threads: 1 });
const policy = loadModel(device, model).model;
afterAll(() => device.close());
const { examples } = await loadDataset({
  ...{ kind: "dpo", path: data, format: "pairs", maxLength: 512 },
  tokenizer: await loadTokenizer(model),
});

describe.each(losses.map((given, i) => ({ name: named(given), given, at: `loss-${i}` })))(
  "$name",
  ({ given, at }) => {
    const settings = completeLoss(given);

    it("falls, its held-out loss is the same loss, and a reference is computed only where it has one", async () => {
      const stages = new Set<string>();
      const onEvent = (event: TrainEvent) => {
        if (event.type === "progress") stages.add(event.stage);
      };
      // the very rows that are trained on, once more: after the last step both losses are of the same weights
      const resolved = config(at, given, {
        objectives: { dpo: { kind: "dpo", data, heldout: data, format: "pairs", batch: 8, ...given } },
        evaluate: { every: 1, rows: 8 },
      });
      await train(resolved, { onEvent });
      const steps = stepsOf(resolved.out);
      expect(steps).toHaveLength(8);
      const first = steps[0] as Line;
      const last = steps.at(-1) as Line;
      expect(last.loss).toBeLessThan(first.loss - 0.01 * Math.abs(first.loss));
      expect(last.rewards.margin).toBeGreaterThan(first.rewards.margin);
      const heldOut = linesOf(resolved.out).filter(({ type }) => type === "eval");
      steps.forEach(({ loss, rewards }, i) => {
        expect(heldOut[i]?.losses["dpo"]).toBeCloseTo(loss, 12);
        expect((heldOut[i]?.rewards as unknown as Record<string, Line["rewards"]>)["dpo"]).toEqual(rewards);
      });
      const isCompared = usesReference(settings.loss);
      expect([...stages].some((stage) => stage.startsWith("reference log-probs"))).toBe(isCompared);
      expect(existsSync(join(folder, at, ".cache/references"))).toBe(isCompared);
      if (isCompared) expect(first.rewards).toEqual({ chosen: 0, rejected: 0, margin: 0, accuracy: 0.5 });
      expect(first.nll === undefined).toBe(settings.nll === 0);
    });

    it("is what outright score says of the same weights", async () => {
      const first = stepsOf(join(folder, at, "run"))[0] as Line;
      const summary = await scoreFile({
        model,
        ...given,
        data,
        format: "pairs",
        out: join(folder, at, "scores.jsonl"),
        threads: 1,
        device: "cpu",
        ...(usesReference(settings.loss) ? { reference: model } : {}),
      });
      expect(summary.preferenceLoss).toBeCloseTo(first.loss, 12);
      expect(summary.margin).toBeCloseTo(first.rewards.margin, 12);
      expect(summary.accuracy).toBe(first.rewards.accuracy);
      expect(summary.settings).toEqual(settings);
      if (settings.nll > 0) expect(summary.nll).toBeCloseTo(first.nll as number, 12);
    });

    it("8 × 1 = 1 × 8: micro-batches add up to the whole, in the gradient too", () => {
      const facts = {
        reference: usesReference(settings.loss)
          ? Float64Array.from({ length: 16 }, (_, s) => -90 - 7 * s)
          : null,
        quality: settings.loss === "mmpo" ? Float64Array.from({ length: 8 }, (_, p) => p - 3) : null,
      };
      const of = (tokensPerMicroBatch: number) => {
        for (const parameter of policy.parameters) parameter.gradient().fill(0);
        const options = { weight: 0.3, train: true, tokensPerMicroBatch };
        const { loss, rewards } = runPairBatch(policy, examples, facts, settings, options);
        const gradients = policy.parameters.map((parameter) => parameter.gradient().toFloat32());
        return { loss, rewards, gradients };
      };
      const [whole, parts] = [of(4096), of(1)];
      expect([parts.loss, parts.rewards]).toEqual([whole.loss, whole.rewards]);
      whole.gradients.forEach((gradient, i) => {
        const other = parts.gradients[i] as Float32Array;
        let [error, size] = [0, 0];
        gradient.forEach((value, n) => {
          error += (value - (other[n] as number)) ** 2;
          size += value ** 2;
        });
        expect(size, policy.parameters[i]?.name).toBeGreaterThan(0);
        expect(Math.sqrt(error / size), policy.parameters[i]?.name).toBeLessThan(1e-6);
      });
    });
  },
);

describe("in a run with two objectives", () => {
  const mixed = (out: string, loss: GivenLoss) =>
    config(out, loss, {
      objectives: {
        sft: { kind: "sft", data: join(goldens, "rows/sft.jsonl"), format: "alpaca", batch: 4 },
        dpo: { kind: "dpo", data, format: "pairs", batch: 3, ...loss },
      },
      policy: { name: "alright", lambda: 0.5 },
      order: "shuffle",
      steps: 10,
      evaluate: { every: 4, holdout: 0.25 },
      checkpoint: { every: 3, keep: 2 },
    });

  it.each([{ loss: "mmpo", nll: 0.5 }, { loss: "orpo" }] as GivenLoss[])(
    "$loss stopped and resumed ends with the same bits",
    async (loss) => {
      const whole = mixed(`${loss.loss}-whole`, loss);
      await train(whole);
      const wanted = runResult(whole.out);
      const parts = mixed(`${loss.loss}-parts`, loss);
      let step = 0;
      const onEvent = (event: TrainEvent) => {
        if (event.type === "step") step = event.step;
      };
      for (const until of [4, 5, 8]) {
        const { reason } = await train(parts, { resume: step > 0, onEvent, shouldStop: () => step >= until });
        expect([reason, step]).toEqual(["stopped", until]);
      }
      await train(parts, { resume: true });
      const { metrics, model: weights } = runResult(parts.out);
      expect(weights).toEqual(wanted.model);
      const isTold = (line: unknown) => ["step", "eval"].includes((line as Line).type);
      expect(metrics.filter(isTold)).toEqual(wanted.metrics.filter(isTold));
    },
  );
});

describe("what people see", () => {
  const write = (name: string, loss: GivenLoss, file: string) => {
    const path = join(folder, `${name}.yaml`);
    const lines = Object.entries({ kind: "dpo", data: file, format: "pairs", batch: 2, ...loss });
    const objective = lines.map(([key, value]) => `    ${key}: ${value}\n`).join("");
    writeFileSync(
      path,
      `model: ${model}\nout: ${join(folder, name)}\nsteps: 2\ndevice: cpu\nobjectives:\n  p:\n${objective}`,
    );
    return path;
  };

  it("a row without a margin ends mmpo before anything is computed, in a dry run too", async () => {
    const path = write("no-margin", { loss: "mmpo" }, bare);
    const wanted = `outright: ${bare}: row 0 (from 0; line 1): field "margin" is missing; loss mmpo needs a number in every row that says how much better its chosen answer is\n`;
    for (const args of [
      ["train", path],
      ["train", path, "--dry-run"],
      ["preview", path],
    ]) {
      const { code, stderr } = await run(args);
      expect(code, args.join(" ")).not.toBe(0);
      expect(stderr.endsWith(wanted), `${args.join(" ")}: ${stderr}`).toBe(true);
    }
    expect(existsSync(join(folder, ".cache/references"))).toBe(false);
  });

  it("settings of another loss are refused by the line of the config", async () => {
    const path = write("wrong", { loss: "ipo", margin: 1 }, data);
    const message = "loss ipo has no such setting, it belongs to simpo; leave it out";
    expect((await run(["train", path])).stderr).toContain(`${path}:12: objectives.p.margin: ${message}`);
  });

  it.each([
    [
      { loss: "ipo" },
      "--loss: loss ipo compares with a reference model; give --reference, or take loss simpo or orpo",
    ],
    [
      { beta: 1 },
      "--beta: loss sigmoid compares with a reference model; give --reference, or take loss simpo or orpo",
    ],
    [{ loss: "orpo", reference: model }, "--reference: loss orpo compares with no reference; leave it out"],
    [
      { loss: "ipo", reference: model, marginScale: 1 },
      "--margin-scale: loss ipo has no such setting, it belongs to mmpo; leave it out",
    ],
    [
      { loss: "simpo", format: "alpaca" },
      "--loss: format alpaca holds no pairs, and only those have such a loss; leave it out",
    ],
    [
      { reference: model, format: "text" },
      "--reference: format text holds no pairs, and only those have such a loss; leave it out",
    ],
    [
      { loss: "mmpo", reference: model, data: bare },
      `${bare}: row 0 (from 0; line 1): field "margin" is missing; loss mmpo needs a number in every row that says how much better its chosen answer is`,
    ],
  ] as const)("outright score refuses %j in one line", async (given, message) => {
    const options = { model, data, format: "pairs", out: join(folder, "refused.jsonl"), ...given } as const;
    await expect(scoreFile(options)).rejects.toThrow(new Error(message));
  });

  it("a dry run with its forecast and a preview know the losses", async () => {
    const path = write("known", { loss: "simpo" }, data);
    expect((await run(["train", path, "--dry-run"])).stdout).toContain("the config is good");
    const graded = await run(["preview", write("graded", { loss: "mmpo" }, data), "--rows", "1"]);
    expect(graded.stdout).toMatch(/^row 0: .*, margin 2$/m);
  });
});
