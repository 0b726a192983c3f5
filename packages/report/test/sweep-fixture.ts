/**
 * A sweep's directory as `outright sweep` writes it, from two quadratic losses over a plane of parameters: their optima
 * lie apart, so methods trade one against the other as they do on language models, and Sequential forgets. Deterministic.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Interval, Outcome, Point, Spread, SweepRow, SweepSummary } from "../src/sweep/format.js";

export interface SweepSpec {
  lambdas: number[];
  seeds: number[];
  /** which methods; all by default */
  curves: string[];
  /** ids of runs that fail */
  failed: string[];
  train: boolean;
  summary: boolean;
  /** rows written; fewer than all is a sweep that still goes */
  rows: number;
  labels: Record<string, string>;
  steps: number;
  kl: boolean;
}

interface Method {
  curve: string;
  label: string;
  method: SweepRow["method"];
  every: number | null;
  lambdas?: number[];
}

const K_LAMBDAS = [0.25, 0.5, 0.75];
export const CURVES: Method[] = [
  { curve: "sequential-dpo-sft", label: "DPO then SFT", method: "sequential", every: null },
  { curve: "sequential-sft-dpo", label: "SFT then DPO", method: "sequential", every: null },
  { curve: "mix", label: "Mix", method: "mix", every: null },
  { curve: "mix-one-pass", label: "Mix, one backward pass", method: "mix", every: null, lambdas: [0.5] },
  { curve: "alright", label: "ALRIGHT", method: "alright", every: null },
  { curve: "maxright-k1", label: "MAXRIGHT K=1", method: "maxright", every: 1, lambdas: K_LAMBDAS },
  { curve: "maxright-k10", label: "MAXRIGHT K=10", method: "maxright", every: 10 },
  { curve: "maxright-k100", label: "MAXRIGHT K=100", method: "maxright", every: 100, lambdas: K_LAMBDAS },
  { curve: "maxright-k1000", label: "MAXRIGHT K=1000", method: "maxright", every: 1000, lambdas: K_LAMBDAS },
  { curve: "maxright-smoothed", label: "MAXRIGHT, free gaps", method: "maxright", every: null },
  { curve: "average", label: "weight average", method: "average", every: null },
  { curve: "single-sft", label: "SFT only", method: "single", every: null },
  { curve: "single-dpo", label: "DPO only", method: "single", every: null },
];

const WHOLE: SweepSpec = {
  lambdas: [0.01, 0.25, 0.5, 0.75, 0.99],
  seeds: [1, 2, 3],
  curves: CURVES.map(({ curve }) => curve),
  failed: [],
  train: true,
  summary: true,
  rows: Number.POSITIVE_INFINITY,
  labels: {},
  steps: 240,
  kl: true,
};

export interface Fixture {
  dir: string;
  rows: SweepRow[];
  summary: SweepSummary;
}

/** Means and half widths of 95 % intervals for 2 to 5 seeds, from a table of Student's t. */
const T95 = [Number.NaN, 12.7062, 4.3027, 3.1824, 2.7764];

export function interval(values: number[]): Interval {
  const n = values.length;
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  if (n === 1) return { mean, low: mean, high: mean, n };
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  const half = T95[n - 1]! * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half, n };
}

function randomOf(seed: number): { uniform: () => number; normal: () => number } {
  let state = (seed * 2654435761) >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}

type Vec = [number, number];
const A: Vec = [0, 0];
const B: Vec = [0.85, 0.55];
const START: Vec = [-0.55, 0.95];
const OPTIMA = { sft: 1.5, dpo: 0.06 };
const sftLoss = ([x, y]: Vec): number => OPTIMA.sft + 0.35 * (x - A[0]) ** 2 + 0.55 * (y - A[1]) ** 2;
const dpoLoss = ([x, y]: Vec): number => OPTIMA.dpo + 0.5 * (x - B[0]) ** 2 + 0.3 * (y - B[1]) ** 2;
const sftGrad = ([x, y]: Vec): Vec => [0.7 * (x - A[0]), 1.1 * (y - A[1])];
const dpoGrad = ([x, y]: Vec): Vec => [1.0 * (x - B[0]), 0.6 * (y - B[1])];
const RANGES = { sft: sftLoss(B) - OPTIMA.sft, dpo: dpoLoss(A) - OPTIMA.dpo };

const round = (value: number): number => Number(value.toPrecision(9));

function outcome(theta: Vec, slice: "heldout" | "train", share: number): Outcome {
  const fit = slice === "train" ? 1 : 0;
  const losses = {
    sft: round(sftLoss(theta) - fit * 0.07 * share),
    dpo: round(dpoLoss(theta) - fit * 0.03 * share),
  };
  const base = { sft: OPTIMA.sft - fit * 0.07, dpo: OPTIMA.dpo - fit * 0.03 };
  const gaps = { sft: round(losses.sft - base.sft), dpo: round(losses.dpo - base.dpo) };
  return {
    losses,
    gaps,
    idealDistance: round(Math.hypot(gaps.sft, gaps.dpo)),
    scaledDistance: round(Math.hypot(gaps.sft / RANGES.sft, gaps.dpo / RANGES.dpo)),
  };
}

interface Ran {
  row: SweepRow;
  lines: object[];
}

function simulate(m: Method, lambda: number | null, seed: number, spec: SweepSpec): Ran {
  const random = randomOf(seed * 7919 + m.curve.length * 104729 + Math.round(100 * (lambda ?? 0)));
  const { steps } = spec;
  const l = lambda ?? 0.5;
  let theta: Vec = START;
  const counts: Record<string, number> = { sft: 0, dpo: 0 };
  const gaps = { sft: 0, dpo: 0 };
  let seconds = 0;
  let dpoDrift = 0;
  const lines: object[] = [
    {
      type: "start",
      version: 1,
      model: "models/tiny-llama",
      objectives: {
        sft: { kind: "sft", data: "sft.jsonl", rows: 480, held: 96 },
        dpo: { kind: "dpo", data: "dpo.jsonl", rows: 480, held: 96 },
      },
      policy: { name: m.method, ...(lambda === null ? {} : { lambda }) },
      steps,
      optima: OPTIMA,
      parameters: 812_544,
      device: "cpu",
    },
  ];
  const logps = (): { chosen: number; rejected: number } => {
    const chosen = round(-80 + 30 * (sftLoss(START) - sftLoss(theta)) - dpoDrift);
    return { chosen, rejected: round(chosen - 55 * (dpoLoss(START) - dpoLoss(theta))) };
  };
  const evaluate = (step: number): void => {
    const { losses, gaps: g, idealDistance } = outcome(theta, "heldout", step / steps);
    const { losses: tl, gaps: tg, idealDistance: td } = outcome(theta, "train", step / steps);
    const moved = (theta[0] - START[0]) ** 2 + (theta[1] - START[1]) ** 2;
    lines.push({
      type: "eval",
      step,
      losses,
      gaps: g,
      idealDistance,
      ...(spec.train ? { train: { losses: tl, gaps: tg, idealDistance: td } } : {}),
      ...(spec.kl ? { kl: { sft: round(0.05 * moved), dpo: round(0.11 * moved) } } : {}),
      logps: { dpo: logps() },
      seconds: 0.2,
    });
  };
  evaluate(0);
  for (let step = 1; step <= steps; step++) {
    let weights: Record<string, number>;
    if (m.curve === "single-sft") weights = { sft: 1 };
    else if (m.curve === "single-dpo") weights = { dpo: 1 };
    else if (m.curve === "sequential-dpo-sft") weights = step <= l * steps ? { dpo: 1 } : { sft: 1 };
    else if (m.curve === "sequential-sft-dpo") weights = step <= (1 - l) * steps ? { sft: 1 } : { dpo: 1 };
    else if (m.method === "mix" || m.method === "average") weights = { sft: 1 - l, dpo: l };
    else if (m.method === "alright") weights = random.uniform() < l ? { dpo: 1 } : { sft: 1 };
    else {
      if (m.every === null || (step - 1) % m.every === 0) {
        gaps.sft = (1 - l) * (sftLoss(theta) - OPTIMA.sft);
        gaps.dpo = l * (dpoLoss(theta) - OPTIMA.dpo);
        if (m.every !== null) seconds += 0.06;
      }
      const name = gaps.dpo >= gaps.sft ? "dpo" : "sft";
      weights = { [name]: 1 };
      if (m.every !== null && m.every > 1)
        gaps[name] =
          name === "dpo" ? l * (dpoLoss(theta) - OPTIMA.dpo) : (1 - l) * (sftLoss(theta) - OPTIMA.sft);
    }
    const [ws, wd] = [weights["sft"] ?? 0, weights["dpo"] ?? 0];
    const [gs, gd] = [sftGrad(theta), dpoGrad(theta)];
    const rate = 0.06;
    theta = [
      theta[0] - rate * (ws * gs[0] + wd * gd[0]) + 0.006 * random.normal(),
      theta[1] - rate * (ws * gs[1] + wd * gd[1]) + 0.006 * random.normal(),
    ];
    dpoDrift += wd * 0.16 - ws * dpoDrift * 0.02;
    for (const [name, weight] of Object.entries(weights)) if (weight > 0) counts[name]!++;
    seconds += (ws > 0 ? 0.05 : 0) + (wd > 0 ? 0.062 : 0) + 0.002 * random.uniform();
    lines.push({
      type: "step",
      step,
      objective: Object.keys(weights).join("+"),
      weights,
      losses: Object.fromEntries(
        Object.keys(weights).map((name) => [name, round(name === "sft" ? sftLoss(theta) : dpoLoss(theta))]),
      ),
      seconds: 0.06,
    });
    if (step % (steps / 12) === 0) evaluate(step);
  }
  lines.push({ type: "end", step: steps, reason: "finished", seconds, stepsPerObjective: counts });
  const both = m.method === "mix" ? 1.45 : 1;
  const row: SweepRow = {
    version: 1,
    id: `${m.curve}${lambda === null ? "" : `-l${lambda}`}-s${seed}`,
    curve: m.curve,
    label: spec.labels[m.curve] ?? m.label,
    method: m.method,
    lambda,
    every: m.every,
    seed,
    status: "finished",
    steps,
    stepsPerObjective: counts,
    tokens: counts["sft"]! * 640 + counts["dpo"]! * 900,
    lossTokens: counts["sft"]! * 200 + counts["dpo"]! * 400,
    pairs: counts["dpo"]! * 8,
    seconds: round(seconds),
    cpuUtilization: round(0.78 + 0.02 * random.uniform() + (m.method === "mix" ? 0.06 : 0)),
    gpuUtilization: null,
    peakTensorBytes: Math.round(both * 61e6),
    peakRssBytes: Math.round(both * 180e6 + 4e6 * random.uniform()),
    heldout: outcome(theta, "heldout", 1),
    train: spec.train ? outcome(theta, "train", 1) : null,
  };
  return { row, lines };
}

function failedRow(m: Method, lambda: number | null, seed: number, spec: SweepSpec): SweepRow {
  const { version, id, curve, label, method, every } = simulate(m, lambda, seed, spec).row;
  return {
    version,
    id,
    curve,
    label,
    method,
    lambda,
    every,
    seed,
    status: "failed",
    error: "step 17: the loss of dpo is not a number; lower optimizer.lr",
  } as SweepRow;
}

const spread = (outcomes: Outcome[]): Spread => {
  const by = (of: (o: Outcome) => number): Interval => interval(outcomes.map(of));
  return {
    losses: { sft: by((o) => o.losses["sft"]!), dpo: by((o) => o.losses["dpo"]!) },
    gaps: { sft: by((o) => o.gaps["sft"]!), dpo: by((o) => o.gaps["dpo"]!) },
    idealDistance: by((o) => o.idealDistance),
    scaledDistance: by((o) => o.scaledDistance),
  };
};

function summarize(rows: SweepRow[], spec: SweepSpec): SweepSummary {
  const baseline = "sequential-dpo-sft";
  const done = rows.filter((row) => row.status === "finished");
  const at = (curve: string, lambda: number | null): SweepRow[] =>
    done.filter((row) => row.curve === curve && row.lambda === lambda);
  const points = (curve: string): Point[] => {
    const all = rows.filter((row) => row.curve === curve);
    const lambdas = [...new Set(all.map((row) => row.lambda))];
    return lambdas.flatMap((lambda): Point[] => {
      const of = at(curve, lambda);
      if (of.length === 0) return [];
      const base = lambda === null ? [] : at(baseline, lambda);
      const mean = (xs: number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;
      const more = (key: "seconds" | "tokens" | "peakTensorBytes" | "peakRssBytes" | "cpuUtilization") =>
        interval(of.map((row) => 100 * (row[key]! / mean(base.map((b) => b[key]!)) - 1)));
      return [
        {
          lambda,
          seeds: of.map((row) => row.seed),
          failed: all.filter((row) => row.lambda === lambda && row.status === "failed").length,
          heldout: spread(of.map((row) => row.heldout)),
          train: spec.train ? spread(of.map((row) => row.train!)) : null,
          seconds: interval(of.map((row) => row.seconds)),
          tokens: interval(of.map((row) => row.tokens)),
          cpuUtilization: interval(of.map((row) => row.cpuUtilization!)),
          gpuUtilization: null,
          peakTensorBytes: interval(of.map((row) => row.peakTensorBytes!)),
          peakRssBytes: interval(of.map((row) => row.peakRssBytes!)),
          stepsPerObjective: {
            sft: mean(of.map((row) => row.stepsPerObjective["sft"]!)),
            dpo: mean(of.map((row) => row.stepsPerObjective["dpo"]!)),
          },
          increase:
            base.length === 0
              ? null
              : {
                  seconds: more("seconds"),
                  tokens: more("tokens"),
                  peakTensorBytes: more("peakTensorBytes"),
                  peakRssBytes: more("peakRssBytes"),
                  cpuUtilization: more("cpuUtilization"),
                },
        },
      ];
    });
  };
  return {
    version: 1,
    objectives: { sft: "sft", dpo: "dpo" },
    budget: { by: "steps", amount: spec.steps },
    seeds: spec.seeds,
    lambdas: spec.lambdas,
    baseline: { curve: baseline, label: "DPO then SFT" },
    optima: { heldout: OPTIMA, train: spec.train ? { sft: 1.43, dpo: 0.03 } : null },
    base: {
      heldout: { sft: sftLoss(START), dpo: dpoLoss(START) },
      train: spec.train ? { sft: sftLoss(START) - 0.02, dpo: dpoLoss(START) - 0.01 } : null,
    },
    ranges: { heldout: RANGES, train: spec.train ? RANGES : null },
    optimaCost: { seconds: 28.4, tokens: 369_600, steps: 2 * spec.steps },
    curves: CURVES.filter(({ curve }) => rows.some((row) => row.curve === curve)).map((m) => ({
      curve: m.curve,
      label: spec.labels[m.curve] ?? m.label,
      method: m.method,
      every: m.every,
      points: points(m.curve),
      hypervolume:
        m.method === "single"
          ? null
          : {
              heldout: interval(spec.seeds.map((s) => 0.7 + 0.01 * s + 0.001 * m.curve.length)),
              train: null,
            },
    })),
    answer: [
      "MAXRIGHT K=10 at λ = 0.5 ends nearest to the best of both: scaled ideal distance 0.31 ± 0.02.",
      "It takes 3 % more time and no more memory than DPO then SFT; Mix at λ = 0.5 comes as near and takes 103 % more time.",
    ],
  };
}

/** Writes the directory, and tells what is in it. */
export async function writeSweep(dir: string, changed: Partial<SweepSpec> = {}): Promise<Fixture> {
  const spec = { ...WHOLE, ...changed };
  await mkdir(dir, { recursive: true });
  const rows: SweepRow[] = [];
  for (const m of CURVES.filter(({ curve }) => spec.curves.includes(curve))) {
    const lambdas =
      m.method === "single" ? [null] : spec.lambdas.filter((l) => (m.lambdas ?? spec.lambdas).includes(l));
    for (const lambda of lambdas) {
      for (const seed of spec.seeds) {
        const { row, lines } = simulate(m, lambda, seed, spec);
        const hasFailed = spec.failed.includes(row.id);
        if (rows.length >= spec.rows) continue;
        rows.push(hasFailed ? failedRow(m, lambda, seed, spec) : row);
        const out = join(dir, "runs", row.id);
        await mkdir(out, { recursive: true });
        const kept = hasFailed ? lines.slice(0, 18) : m.method === "average" ? [] : lines;
        if (kept.length > 0)
          await writeFile(
            join(out, "metrics.jsonl"),
            kept.map((line) => `${JSON.stringify(line)}\n`).join(""),
          );
        await writeFile(join(out, "config.yaml"), `version: 1\nmodel: models/tiny-llama\nseed: ${seed}\n`);
        await writeFile(
          join(out, "environment.json"),
          JSON.stringify({
            node: "v20.20.2",
            platform: "linux 6.1 x64",
            processor: "A <fast> processor",
            cores: 2,
            memoryBytes: 24e9,
            device: { name: "cpu", backend: "avx512", path: "/somewhere/library.so" },
            started: "2026-11-25T20:10:00.000Z",
          }),
        );
      }
    }
  }
  const summary = summarize(rows, spec);
  await writeFile(join(dir, "results.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  if (spec.summary) await writeFile(join(dir, "summary.json"), JSON.stringify(summary, null, 2));
  await writeFile(
    join(dir, "sweep.yaml"),
    `version: 1\n# methods x lambda x seeds\nmodel: models/tiny-llama\nlambdas: ${JSON.stringify(spec.lambdas)}\nseeds: ${JSON.stringify(spec.seeds)}\nout: sweeps/first\n`,
  );
  await writeFile(
    join(dir, "optima.json"),
    JSON.stringify({
      version: 1,
      objectives: Object.fromEntries(
        (["sft", "dpo"] as const).map((name) => [
          name,
          {
            heldout: OPTIMA[name],
            train: null,
            step: spec.steps,
            steps: spec.steps,
            seed: 1,
            seconds: 14.2,
            tokens: 184_800,
            run: `optima-${name}`,
            rows: { heldout: 96, train: 96 },
            losses: {
              heldout: { sft: sftLoss(name === "sft" ? A : B), dpo: dpoLoss(name === "sft" ? A : B) },
              train: null,
            },
          },
        ]),
      ),
      base: { heldout: { sft: sftLoss(START), dpo: dpoLoss(START) }, train: null },
      key: "abc",
    }),
  );
  return { dir, rows, summary };
}
