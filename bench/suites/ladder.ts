/** What each saving brings, one switched on after the other: DPO on pairs of the lengths of helpful dialogues. */
import { counterRandom } from "@outright/data";
import { createModel, type LanguageModel } from "@outright/models";
import { Device } from "@outright/tensor";
import { AdamW } from "@outright/trainer";
import { ladderStep, type Rungs } from "../lib/ladder-step.js";
import type { BenchOptions, Dtype } from "../lib/options.js";
import { dataFolder, loadRows, type Rows } from "../lib/rows.js";
import { SHAPES, type ShapeName } from "../lib/shapes.js";
import { summarise } from "../lib/stats.js";
import { pairLogprobs } from "../lib/step-engine.js";
import { Report, type Suite } from "../lib/suite.js";

const BATCH = 8;
const ROWS = 96;
const WARM_UP = 1;
const MIB = 2 ** 20;

const BOTTOM: Rungs = { packed: false, sharedPrompts: false, scoredRowsOnly: false, cachedReference: false };

/** Each rung keeps what those before it brought. */
export const RUNGS: readonly { name: string; rungs: Rungs; dtype: Dtype }[] = [
  { name: "1 padded", rungs: BOTTOM, dtype: "float32" },
  { name: "2 packed", rungs: { ...BOTTOM, packed: true }, dtype: "float32" },
  {
    name: "3 shared prompts",
    rungs: { ...BOTTOM, packed: true, sharedPrompts: true },
    dtype: "float32",
  },
  {
    name: "4 scored rows only",
    rungs: { packed: true, sharedPrompts: true, scoredRowsOnly: true, cachedReference: false },
    dtype: "float32",
  },
  {
    name: "5 cached reference",
    rungs: { packed: true, sharedPrompts: true, scoredRowsOnly: true, cachedReference: true },
    dtype: "float32",
  },
  {
    name: "6 bfloat16",
    rungs: { packed: true, sharedPrompts: true, scoredRowsOnly: true, cachedReference: true },
    dtype: "bfloat16",
  },
];

interface Rung {
  name: string;
  step: (index: number) => { loss: number; tokens: number };
  /** device memory at most, workspace included */
  peakBytes: () => number;
  close: () => void;
  seconds: number[];
  losses: number[];
  tokens: number;
}

export const ladderSuite: Suite = async ({ options, say }) => {
  const report = new Report("ladder", say);
  for (const shape of options.shapes) {
    const rows = await loadRows(ROWS, dataFolder(options.data), SHAPES[shape].vocab_size);
    report.about = [
      `DPO steps on ${BATCH} pairs, the model's update included. Each rung keeps the savings of those before it; off is the same kernels on`,
      `the work that a loop without the saving does. Rungs take turns step by step. Memory is the engine's own: tensors and workspace. Rows: ${rows.source}.`,
    ].join(" ");
    const rungs: Rung[] = [];
    for (const { name, rungs: on, dtype } of RUNGS) {
      if (!options.dtypes.includes(dtype)) continue;
      try {
        const rung = openRung(`${shape} ${name}`, shape, rows, on, dtype, options);
        for (let i = 0; i < WARM_UP; i++) rung.step(i);
        rungs.push(rung);
      } catch (error) {
        if (dtype === "float32") throw error;
        report.skip(`${shape} ${name}`, (error as Error).message);
      }
    }
    for (let i = 0; i < options.steps; i++) {
      for (const rung of rungs) {
        const begun = performance.now();
        const { loss, tokens } = rung.step(WARM_UP + i);
        rung.seconds.push((performance.now() - begun) / 1000);
        rung.losses.push(loss);
        rung.tokens += tokens;
      }
      say(`${shape}: ${i + 1} of ${options.steps} steps`);
    }
    const [first] = rungs;
    for (const [index, rung] of rungs.entries()) {
      const before = rungs[index - 1] ?? rung;
      const against = (other: Rung) =>
        summarise(rung.seconds.map((time, i) => (other.seconds[i] as number) / time)).median;
      report.add({
        name: rung.name,
        unit: "pairs/s",
        better: "higher",
        value: summarise(rung.seconds.map((time) => BATCH / time)),
        facts: {
          "× the rung before": against(before),
          "× the first": against(first as Rung),
          "tokens through the model/step": rung.tokens / options.steps,
          "memory at most, MiB": rung.peakBytes() / MIB,
          "loss differs from the first's by": Math.max(
            ...rung.losses.map((loss, i) => Math.abs(loss / ((first as Rung).losses[i] as number) - 1)),
          ),
        },
      });
    }
    for (const rung of rungs) rung.close();
  }
  return report.finish();
};

function openRung(
  name: string,
  shape: ShapeName,
  rows: Rows,
  rungs: Rungs,
  dtype: Dtype,
  { threads }: BenchOptions,
): Rung {
  const device = Device.open({ threads });
  try {
    const make = () =>
      createModel(device, SHAPES[shape], { random: (stream) => counterRandom(7, stream) }, { dtype });
    const model = make();
    const second: LanguageModel | null = rungs.cachedReference ? null : make();
    const reference = rungs.cachedReference ? pairLogprobs(model, rows.dpo) : new Float64Array(0);
    const settings = { betas: [0.9, 0.95] as [number, number], eps: 1e-8, weightDecay: 0, clip: 1 };
    const optimizer = new AdamW(model.parameters, { name: "adamw", lr: 1e-5, ...settings });
    return {
      name,
      seconds: [],
      losses: [],
      tokens: 0,
      step(index) {
        const from = (index % (ROWS / BATCH)) * BATCH;
        optimizer.zeroGradients();
        const result = ladderStep(
          {
            model,
            referenceModel: second ?? model,
            pairs: rows.dpo.slice(from, from + BATCH),
            reference: reference.subarray(2 * from, 2 * (from + BATCH)),
            beta: 0.1,
            tokensPerMicroBatch: 2048,
          },
          rungs,
        );
        optimizer.update(1e-5, optimizer.gradientNorm());
        return result;
      },
      peakBytes: () => device.memory().peakBytes + device.memory().workspaceBytes,
      close: () => device.close(),
    };
  } catch (error) {
    device.close();
    throw error;
  }
}
