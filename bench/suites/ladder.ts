/** What each saving brings, one switched on after the other: DPO on pairs of the lengths of helpful dialogues. */
import { join } from "node:path";
import type { LanguageModel } from "@outright/models";
import { settler } from "@outright/tensor";
import { AdamW, openDevice } from "@outright/trainer";
import { gpuGoals } from "../lib/goals.js";
import { ladderStep, type Rungs } from "../lib/ladder-step.js";
import { writeModel } from "../lib/model-directory.js";
import type { BenchOptions, Dtype } from "../lib/options.js";
import { dataFolder, loadRows, type Rows } from "../lib/rows.js";
import { SHAPES, type ShapeName } from "../lib/shapes.js";
import { summarise } from "../lib/stats.js";
import { HEAD_CACHE_OF_GPU, loadModel, pairLogprobs } from "../lib/step-engine.js";
import { type Context, Report, type Suite } from "../lib/suite.js";
import { withTemporaryFolder } from "../lib/temporary.js";

/** More steps than these see rows again. */
const BATCHES = 12;
const WARM_UP = 1;
const MIB = 2 ** 20;

const BOTTOM: Rungs = { packed: false, sharedPrompts: false, scoredRowsOnly: false, cachedReference: false };

/** Each rung keeps what those before it brought; the last one, bfloat16, only stands where float32 is measured too. */
export const RUNGS: readonly { name: string; rungs: Rungs }[] = [
  { name: "1 padded", rungs: BOTTOM },
  { name: "2 packed", rungs: { ...BOTTOM, packed: true } },
  { name: "3 shared prompts", rungs: { ...BOTTOM, packed: true, sharedPrompts: true } },
  {
    name: "4 scored rows only",
    rungs: { packed: true, sharedPrompts: true, scoredRowsOnly: true, cachedReference: false },
  },
  {
    name: "5 cached reference",
    rungs: { packed: true, sharedPrompts: true, scoredRowsOnly: true, cachedReference: true },
  },
];

function rungsOf(dtypes: readonly Dtype[]): { name: string; rungs: Rungs; dtype: Dtype }[] {
  const base = dtypes.includes("float32") ? "float32" : "bfloat16";
  const all = RUNGS.map((rung) => ({ ...rung, dtype: base as Dtype }));
  const top = RUNGS.at(-1) as (typeof RUNGS)[number];
  return dtypes.includes("bfloat16") && base === "float32"
    ? [...all, { name: "6 bfloat16", rungs: top.rungs, dtype: "bfloat16" }]
    : all;
}

interface Rung {
  name: string;
  step: (index: number) => { loss: number; tokens: number };
  /** device memory at most, workspace included; known once it is closed */
  peakBytes: number;
  close: () => void;
  seconds: number[];
  losses: number[];
  tokens: number;
}

export const ladderSuite: Suite = async (context) => {
  const { options, say } = context;
  const report = new Report("ladder", say);
  for (const shape of options.shapes) {
    const rows = await loadRows(BATCHES * options.batch, dataFolder(options.data), SHAPES[shape].vocab_size);
    report.about = [
      `DPO steps on ${options.batch} pairs, the model's update included. Each rung keeps the savings of those before it; off is the same kernels on`,
      `the work that a loop without the saving does. ${options.gpu ? "Rungs run one after the other." : "Rungs take turns step by step."}`,
      `Memory is the engine's own: tensors and workspace. Rows: ${rows.source}.`,
    ].join(" ");
    await withTemporaryFolder(async (folder) => {
      writeModel(shape, join(folder, "model"));
      const rungs = measureRungs(context, report, shape, join(folder, "model"), rows);
      addEntries(report, rungs, options);
    });
  }
  return report.finish();
};

/** On a processor in turns; a GPU is this process's alone, and its memory would not hold all rungs at once. */
function measureRungs(
  { options, say }: Context,
  report: Report,
  shape: ShapeName,
  model: string,
  rows: Rows,
): Rung[] {
  const rungs: Rung[] = [];
  for (const { name, rungs: on, dtype } of rungsOf(options.dtypes)) {
    try {
      const rung = openRung(`${shape} ${name}`, model, rows, on, dtype, options);
      try {
        for (let i = 0; i < WARM_UP; i++) rung.step(i);
        if (options.gpu) for (let i = 0; i < options.steps; i++) timeStep(rung, i);
      } catch (error) {
        rung.close();
        throw error;
      }
      rungs.push(rung);
      if (!options.gpu) continue;
      rung.close();
      say(`${rung.name}: ${options.steps} steps`);
    } catch (error) {
      if (rungs.length === 0) throw error;
      report.skip(`${shape} ${name}`, (error as Error).message);
    }
  }
  if (options.gpu) return rungs;
  for (let i = 0; i < options.steps; i++) {
    for (const rung of rungs) timeStep(rung, i);
    say(`${shape}: ${i + 1} of ${options.steps} steps`);
  }
  for (const rung of rungs) rung.close();
  return rungs;
}

function timeStep(rung: Rung, index: number): void {
  const begun = performance.now();
  const { loss, tokens } = rung.step(WARM_UP + index);
  rung.seconds.push((performance.now() - begun) / 1000);
  rung.losses.push(loss);
  rung.tokens += tokens;
}

function addEntries(report: Report, rungs: readonly Rung[], options: BenchOptions): void {
  const [first] = rungs as [Rung];
  for (const [index, rung] of rungs.entries()) {
    const before = rungs[index - 1] ?? rung;
    const against = (other: Rung) =>
      summarise(rung.seconds.map((time, i) => (other.seconds[i] as number) / time));
    report.add({
      name: rung.name,
      unit: "pairs/s",
      better: "higher",
      value: summarise(rung.seconds.map((time) => options.batch / time)),
      facts: {
        "× the rung before": against(before).median,
        "× the first": against(first).median,
        "tokens through the model/step": rung.tokens / options.steps,
        "memory at most, MiB": rung.peakBytes / MIB,
        "loss differs from the first's by": Math.max(
          ...rung.losses.map((loss, i) => Math.abs(loss / (first.losses[i] as number) - 1)),
        ),
      },
    });
  }
  const { ladder } = gpuGoals(options);
  const last = rungs.at(-1) as Rung;
  if (ladder === undefined || last === first) return;
  report.add({
    name: `${last.name} / ${first.name}`,
    unit: "ratio of pairs/s",
    better: "higher",
    value: summarise(last.seconds.map((time, i) => (first.seconds[i] as number) / time)),
    goal: ladder,
  });
}

function openRung(
  name: string,
  folder: string,
  rows: Rows,
  rungs: Rungs,
  dtype: Dtype,
  options: BenchOptions,
): Rung {
  const { batch, tokens } = options;
  const device = openDevice(options);
  if (options.gpu) device.headCacheBytes = HEAD_CACHE_OF_GPU;
  try {
    const make = (trainable: boolean) => loadModel(device, folder, { dtype, trainable });
    const model = make(true);
    const second: LanguageModel | null = rungs.cachedReference ? null : make(false);
    const reference = rungs.cachedReference ? pairLogprobs(model, rows.dpo, tokens) : new Float64Array(0);
    const settings = { betas: [0.9, 0.95] as [number, number], eps: 1e-8, weightDecay: 0, clip: 1 };
    const optimizer = new AdamW(model.parameters, { name: "adamw", lr: 1e-5, ...settings });
    const settle = settler(device.native);
    const rung: Rung = {
      ...{ name, seconds: [], losses: [], tokens: 0, peakBytes: 0 },
      step(index) {
        const from = (index % BATCHES) * batch;
        optimizer.zeroGradients();
        const result = ladderStep(
          {
            model,
            referenceModel: second ?? model,
            pairs: rows.dpo.slice(from, from + batch),
            reference: reference.subarray(2 * from, 2 * (from + batch)),
            beta: 0.1,
            tokensPerMicroBatch: tokens,
          },
          rungs,
        );
        optimizer.update(1e-5);
        settle();
        return result;
      },
      close() {
        const { peakBytes, workspaceBytes } = device.memory();
        rung.peakBytes = peakBytes + workspaceBytes;
        device.close();
      },
    };
    return rung;
  } catch (error) {
    device.close();
    throw error;
  }
}
