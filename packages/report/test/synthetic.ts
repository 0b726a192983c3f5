/** Run directories as a trainer would write them, from a small two-loss model of what the methods do. */
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

export interface Synthetic {
  name: string;
  policy: Record<string, unknown>;
  steps?: number;
  every?: number;
  /** which objective trains at a (1-based) step, with weights */
  choose: (step: number) => Record<string, number>;
  /** preference training pulls the chosen log-prob down in this run */
  chosenFalls?: boolean;
  optima?: Record<string, number>;
  objectives?: string[];
  /** of the preference objective */
  loss?: string;
  end?: boolean;
}

/** A fixed generator: tests must not depend on luck. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function lines(spec: Synthetic): object[] {
  const steps = spec.steps ?? 300;
  const every = spec.every ?? 20;
  const objectives = spec.objectives ?? ["sft", "dpo"];
  const random = generator(spec.name.length * 7919 + steps);
  const optima = spec.optima ?? { sft: 0.35, dpo: 0.05 };
  const loss = { sft: 2.1, dpo: Math.LN2 } as Record<string, number>;
  const floor = { sft: 0.35, dpo: 0.05 } as Record<string, number>;
  let chosen = -31;
  let rejected = -30;
  const counts: Record<string, number> = Object.fromEntries(objectives.map((o) => [o, 0]));
  const out: object[] = [
    {
      type: "start",
      version: 1,
      model: "tiny-llama",
      objectives: Object.fromEntries(
        objectives.map((o) => [
          o,
          {
            kind: o,
            ...(o === "dpo" && spec.loss !== undefined ? { loss: spec.loss } : {}),
            ...{ data: `${o}.jsonl`, rows: 480, held: 96 },
          },
        ]),
      ),
      policy: spec.policy,
      steps,
      optima,
      parameters: 812_544,
      device: "cpu",
    },
  ];
  const evaluate = (step: number): object => {
    const losses = Object.fromEntries(objectives.map((o) => [o, loss[o]!]));
    const gaps = Object.fromEntries(
      objectives.filter((o) => o in optima).map((o) => [o, loss[o]! - optima[o]!]),
    );
    return {
      type: "eval",
      step,
      losses,
      ...(Object.keys(gaps).length < objectives.length
        ? {}
        : { gaps, idealDistance: Math.hypot(...Object.values(gaps)) }),
      rewards: {
        dpo: {
          chosen: 0.1 * (chosen + 31),
          rejected: 0.1 * (rejected + 30),
          margin: 0.1 * (chosen - rejected + 1),
          accuracy: 0.9,
        },
      },
      logps: { dpo: { chosen, rejected } },
      kl: {
        ...Object.fromEntries(objectives.map((o, i) => [o, 0.002 * (i + 1) * Math.sqrt(step)])),
        text: 0.001 * Math.sqrt(step),
      },
      seconds: 0.4,
      klSeconds: 0.02,
    };
  };
  out.push(evaluate(0));
  for (let step = 1; step <= steps; step++) {
    const weights = spec.choose(step);
    const dpo = weights["dpo"] ?? 0;
    const sft = weights["sft"] ?? 0;
    loss["sft"]! += -sft * 0.03 * (loss["sft"]! - floor["sft"]!) + dpo * 0.004 * (1.9 - loss["sft"]!);
    loss["dpo"]! += -dpo * 0.03 * (loss["dpo"]! - floor["dpo"]!) + sft * 0.006 * (0.9 - loss["dpo"]!);
    chosen += spec.chosenFalls ? -dpo * 0.12 : dpo * 0.05 - sft * 0.02;
    rejected += -dpo * 0.25 + sft * 0.08;
    for (const [name, weight] of Object.entries(weights))
      if (weight > 0) counts[name] = (counts[name] ?? 0) + 1;
    const noisy = Object.fromEntries(Object.keys(weights).map((o) => [o, loss[o]! * (0.9 + 0.2 * random())]));
    out.push({
      type: "step",
      step,
      objective: Object.keys(weights).join("+"),
      weights,
      losses: noisy,
      loss: Object.entries(weights).reduce((sum, [o, w]) => sum + w * noisy[o]!, 0),
      lossTokens: 160,
      tokens: 640,
      pairs: dpo > 0 ? 8 : 0,
      lr: 5e-4,
      gradNorm: 0.9,
      seconds: 0.061,
      ...(dpo > 0
        ? { rewards: { chosen: 0, rejected: 0, margin: 1, accuracy: 1 }, logps: { chosen, rejected } }
        : {}),
    });
    if (step % every === 0 || step === steps) out.push(evaluate(step));
  }
  if (spec.end ?? true)
    out.push({
      type: "end",
      step: steps,
      reason: "finished",
      seconds: steps * 0.07,
      stepsPerObjective: counts,
    });
  return out;
}

/** The five methods, and one objective alone. */
export const METHODS: Synthetic[] = [
  {
    name: "sft-then-dpo",
    policy: {
      name: "sequential",
      stages: [
        { objective: "sft", steps: 150 },
        { objective: "dpo", steps: 150 },
      ],
      freshOptimizer: true,
    },
    choose: (step) => (step <= 150 ? { sft: 1 } : { dpo: 1 }),
    chosenFalls: true,
  },
  {
    name: "dpo-then-sft",
    policy: {
      name: "sequential",
      stages: [
        { objective: "dpo", steps: 150 },
        { objective: "sft", steps: 150 },
      ],
      freshOptimizer: true,
    },
    choose: (step) => (step <= 150 ? { dpo: 1 } : { sft: 1 }),
  },
  { name: "mix", policy: { name: "mix", lambda: 0.5 }, choose: () => ({ sft: 0.5, dpo: 0.5 }) },
  {
    name: "alright",
    policy: { name: "alright", lambda: 0.5 },
    choose: (step) => (generator(step * 7919)() < 0.5 ? { dpo: 1 } : { sft: 1 }),
  },
  {
    name: "maxright",
    policy: { name: "maxright", lambda: 0.5, every: 10 },
    choose: (step) => (step % 7 < 5 ? { sft: 1 } : { dpo: 1 }),
  },
  { name: "sft-only", policy: { name: "single", objective: "sft" }, choose: () => ({ sft: 1 }) },
];

export async function writeRun(root: string, spec: Synthetic): Promise<string> {
  const dir = join(root, spec.name);
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, "metrics.jsonl"),
    `${lines(spec)
      .map((line) => JSON.stringify(line))
      .join("\n")}\n`,
  );
  await writeFile(
    join(dir, "config.yaml"),
    `version: 1\nmodel: tiny-llama\npolicy: ${JSON.stringify(spec.policy)}\nsteps: ${spec.steps ?? 300}\n`,
  );
  await writeFile(
    join(dir, "environment.json"),
    JSON.stringify({ node: "v20.20.2", cpu: "x86_64 <2 cores>", threads: 2 }),
  );
  return dir;
}

/** Of this test file; removed after its tests. */
const root = mkdtempSync(join(tmpdir(), "outright-report-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

export const scratch = (): Promise<string> => mkdtemp(join(root, "folder-"));
