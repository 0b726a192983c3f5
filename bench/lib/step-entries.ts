/** What the step suite makes of its sides: rates, memory, MFU, and ratios of ours to the others. */
import { gpuGoals, memoryGoal, speedGoal } from "./goals.js";
import { dataSheetPeak } from "./gpu-peaks.js";
import { leastRows, stepFlops } from "./mfu.js";
import type { BenchOptions, Kind } from "./options.js";
import { describePeaks, measurePeaks } from "./peaks.js";
import { type Rows, usefulTokens } from "./rows.js";
import { SHAPES, type ShapeName } from "./shapes.js";
import { type Side, WARM_UP } from "./side.js";
import { single, summarise } from "./stats.js";
import type { Report } from "./suite.js";

/** More steps than these see rows again. */
export const BATCHES = 12;
const MIB = 2 ** 20;

interface Peak {
  flops: number;
  about: string;
}

/** What MFU is a share of, on a GPU. */
export function peakOf(options: BenchOptions): Peak | null {
  if (!options.gpu) return null;
  const formula =
    "MFU: 6 operations a token and parameter of the linear layers (4 where they are frozen), the head on scored tokens alone, attention 12 C a head and visible pair, by time and peak";
  const sheet = dataSheetPeak(options.gpuName);
  if (sheet !== undefined)
    return {
      flops: sheet,
      about: `${formula} (the data sheet's ${(sheet / 1e12).toFixed(0)} TFLOP/s in bfloat16).`,
    };
  const peaks = measurePeaks(options);
  const flops = peaks.flops.bfloat16 ?? peaks.flops.float32;
  return { flops, about: `${formula} (the largest rate of a product seen here). ${describePeaks(peaks)}` };
}

/** What was measured: a shape's rows. */
export interface Measured {
  shape: ShapeName;
  rows: Rows;
  /** on a GPU */
  peak: Peak | null;
}

export const label = (shape: string, kind: Kind, dtype: string, lora: boolean) =>
  `${shape} ${kind} ${dtype}${lora ? " LoRA" : ""}`;

/** @param onePassRss peak memory of PyTorch's fastest in one pass, where the fastest of all is another */
export async function addStepEntries(
  report: Report,
  { options, shape, rows, peak }: Measured & { options: BenchOptions },
  kind: Kind,
  sides: readonly Side[],
  onePassRss: ReadonlyMap<Side, number>,
): Promise<void> {
  const { steps, batch, tokens } = options;
  const batches = Array.from({ length: steps }, (_, step) => {
    const from = ((WARM_UP + step) % BATCHES) * batch;
    return {
      sft: kind === "dpo" ? [] : rows.sft.slice(from, from + batch),
      dpo: kind === "sft" ? [] : rows.dpo.slice(from, from + batch),
    };
  });
  const useful = batches.map(usefulTokens);
  const goalsOfGpu = gpuGoals(options);
  const utilisation = (side: Side, seconds: readonly number[]) =>
    batches.map(({ sft, dpo }, i) => {
      const flops = stepFlops(SHAPES[shape], leastRows(sft, dpo, tokens), side.lora);
      return (100 * flops) / (seconds[i] as number) / (peak as Peak).flops;
    });
  const timed = (side: Side) => side.seconds.slice(WARM_UP, WARM_UP + steps);
  const peaks = new Map<Side, number>();
  for (const side of sides) {
    const name = label(shape, kind, side.dtype, side.lora);
    const seconds = timed(side);
    const { peakRssBytes, devicePeakBytes, tensorPeakBytes, workspaceBytes } = await side.end();
    peaks.set(side, devicePeakBytes ?? peakRssBytes);
    report.add({
      name: `${name} ${side.who}`,
      unit: "useful tokens/s",
      better: "higher",
      value: summarise(seconds.map((time, i) => (useful[i] as number) / time)),
      facts: {
        ...(kind === "sft" ? {} : { "pairs/s": summarise(seconds.map((time) => batch / time)).median }),
        "s/step": summarise(seconds).median,
        ...(devicePeakBytes === undefined
          ? { "peak RSS, MiB": peakRssBytes / MIB }
          : { "device memory, MiB": devicePeakBytes / MIB }),
        ...(peak === null ? {} : { "MFU, %": summarise(utilisation(side, seconds)).median }),
        ...(tensorPeakBytes === undefined ? {} : { "tensors at most, MiB": tensorPeakBytes / MIB }),
        ...(workspaceBytes === undefined ? {} : { "workspace, MiB": workspaceBytes / MIB }),
        "first loss": side.losses[0] as number,
        with: side.description,
      },
    });
    if (peak === null || side.who !== "ours") continue;
    const judged = shape === "1b" && kind === "sft" && side.dtype === "bfloat16" && !side.lora;
    report.add({
      name: `${name} ours, MFU`,
      unit: "%",
      better: "higher",
      value: summarise(utilisation(side, seconds)),
      ...(judged && goalsOfGpu.mfu !== undefined ? { goal: goalsOfGpu.mfu } : {}),
    });
  }
  for (const our of sides.filter(({ who }) => who === "ours")) {
    const others = sides.filter(
      ({ who, dtype, lora }) => who !== "ours" && dtype === our.dtype && lora === our.lora,
    );
    for (const other of others) {
      const name = `${label(shape, kind, our.dtype, our.lora)} ours / ${other.who}`;
      const goals = other.who === "PyTorch" && !our.lora;
      const onGpu = other.who === "TRL" && kind === "dpo" ? goalsOfGpu.trl : undefined;
      const speed = options.gpu ? onGpu : goals ? speedGoal(shape, kind, our.dtype) : undefined;
      const memory = goals && !options.gpu ? memoryGoal(shape) : undefined;
      const kindOfMemory = options.gpu ? "device memory" : "peak RSS";
      const theirs = timed(other);
      report.add({
        name: `${name}, speed`,
        unit: "ratio",
        better: "higher",
        value: summarise(timed(our).map((time, i) => (theirs[i] as number) / time)),
        ...(speed === undefined ? {} : { goal: speed }),
        facts: { "losses differ at most by": lossDifference(our, other) },
      });
      const ratio = (to: number) => single((peaks.get(our) as number) / to);
      const same = options.gpu ? undefined : onePassRss.get(other);
      report.add({
        name: `${name}, ${kindOfMemory}`,
        unit: "ratio",
        better: "lower",
        value: ratio(same ?? (peaks.get(other) as number)),
        ...(memory === undefined ? {} : { goal: memory }),
        facts: { of: same === undefined ? "the fastest" : "the fastest in one pass" },
      });
      if (same === undefined) continue;
      report.add({
        name: `${name} in smaller passes, peak RSS`,
        unit: "ratio",
        better: "lower",
        value: ratio(peaks.get(other) as number),
        facts: { of: "the fastest" },
      });
    }
  }
}

/** Largest relative difference of the two sides' losses over all steps: they are meant to compute the same. */
const lossDifference = (a: Side, b: Side) =>
  Math.max(...a.losses.map((loss, i) => Math.abs(loss - (b.losses[i] ?? loss)) / Math.abs(loss)));
