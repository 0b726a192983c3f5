/**
 * The log-prob head alone: forward and backward, with its logits computed again in the backward pass and with as many
 * of them kept as a budget allows, a trained and a frozen head.
 */
import { counterRandom } from "@outright/data";
import type { Device, NativeDevice } from "@outright/tensor";
import { openDevice } from "@outright/trainer";
import { gpuGoals } from "../lib/goals.js";
import { trainingRow } from "../lib/op-cases.js";
import type { BenchOptions, Dtype } from "../lib/options.js";
import { better, describePeaks, measurePeaks, type Peaks } from "../lib/peaks.js";
import { rateFacts } from "../lib/rates.js";
import { dataFolder, loadRows } from "../lib/rows.js";
import { SHAPES, type ShapeName } from "../lib/shapes.js";
import { single, summarise } from "../lib/stats.js";
import { Report, type Suite } from "../lib/suite.js";
import { CallTimer } from "../lib/timing.js";

/** so much that all logits fit */
const BUDGET = 2 ** 31;
const MIB = 2 ** 20;

interface Settings {
  dtype: Dtype;
  trained: boolean;
  budget: number;
}

interface Variant extends Settings {
  name: string;
  device: Device;
  forward: () => number;
  backward: () => number;
  /** promised */
  workspaceBytes: number;
  /** seen */
  used: number;
  /** of all logits */
  kept: number;
  cacheBytes: number;
  sizes: { N: number; D: number; V: number };
  seconds: { forward: number[]; backward: number[] };
}

export const headSuite: Suite = async (context) => {
  const { options, say } = context;
  const report = new Report("head", say);
  const before = measurePeaks(options);
  const done: Variant[] = [];
  for (const shape of options.shapes) {
    const targets = await targetsOf(shape, options);
    const variants: Variant[] = [];
    for (const settings of settingsOf(options)) {
      const variant = openVariant(shape, targets, settings, options, report);
      if (variant === null) continue;
      variants.push(variant);
      if (!options.gpu) continue;
      // a GPU is this process's alone, and its memory would not hold all of them
      for (let i = 0; i < options.steps; i++) runOnce(variant);
      variant.device.close();
    }
    if (!options.gpu) {
      for (let i = 0; i < options.steps; i++) for (const variant of variants) runOnce(variant);
      for (const { device } of variants) device.close();
    }
    done.push(...variants);
    const { hidden_size: D, vocab_size: V } = SHAPES[shape];
    say(`${shape}: ${variants.length} variants, N = ${targets.length}, D = ${D}, V = ${V}`);
  }
  const peaks = better(before, measurePeaks(options));
  for (const variant of done) addEntries(report, variant, peaks, options);
  report.about = [
    `Forward and backward of the log-prob head on ${options.gpu ? `${options.tokens / 2} tokens` : "the loss tokens of eight alpaca rows"}. Operations: 2NDV forward;`,
    "backward 2NDV for dh, 2NDV for dw where the head trains, and 2NDV more where logits are computed again.",
    describePeaks(peaks),
  ].join(" ");
  return report.finish();
};

function settingsOf({ dtypes }: BenchOptions): Settings[] {
  return dtypes.flatMap((dtype) =>
    [true, false].flatMap((trained) => [0, BUDGET].map((budget) => ({ dtype, trained, budget }))),
  );
}

/** Eight alpaca rows' on a processor; on a GPU half a micro-batch of any. */
async function targetsOf(shape: ShapeName, options: BenchOptions): Promise<Int32Array> {
  const { vocab_size: V } = SHAPES[shape];
  if (!options.gpu) return trainingRow(await loadRows(96, dataFolder(options.data), V)).targets;
  const uniform = counterRandom(1, "bench targets");
  return Int32Array.from({ length: options.tokens / 2 }, (_, n) => Math.floor(V * uniform(n)));
}

/** null, told as skipped, where this backend cannot. */
function openVariant(
  shape: ShapeName,
  targets: Int32Array,
  settings: Settings,
  options: BenchOptions,
  report: Report,
): Variant | null {
  const { dtype, trained, budget } = settings;
  const how = budget > 0 ? "logits kept" : "logits computed again";
  const name = `${shape} ${dtype} ${trained ? "trained" : "frozen"}, ${how}`;
  const device = openDevice(options);
  try {
    const { hidden_size: D, vocab_size: V } = SHAPES[shape];
    const sizes = { N: targets.length, D, V };
    const head = headCalls(device.native, settings, targets, sizes);
    if (head === null) {
      report.skip(name, "this backend keeps no logits");
      device.close();
      return null;
    }
    const timer = new CallTimer(device);
    const [forward, backward] = [timer.prepare(head.forward), timer.prepare(head.backward)];
    return {
      ...settings,
      ...head,
      name,
      device,
      sizes,
      ...{ forward, backward, used: device.memory().workspaceBytes },
      seconds: { forward: [], backward: [] },
    };
  } catch (error) {
    device.close();
    if (dtype === options.dtypes[0] && budget === 0) throw error;
    report.skip(name, (error as Error).message);
    return null;
  }
}

function runOnce({ forward, backward, seconds }: Variant): void {
  seconds.forward.push(forward());
  seconds.backward.push(backward());
}

function headCalls(
  native: NativeDevice,
  { dtype, trained, budget }: Settings,
  targets: Int32Array,
  { N, D, V }: Variant["sizes"],
) {
  const made = (of: Dtype, count: number, value: number) => {
    const handle = native.alloc(of, count);
    native.fill(handle, value);
    return handle;
  };
  const count = budget === 0 ? 0 : native.headCacheCount(dtype, N, D, V, budget);
  if (budget > 0 && count === 0) return null;
  const cache = count === 0 ? 0 : native.alloc(dtype, count);
  const ids = native.alloc("int32", N);
  native.write(ids, 0, targets);
  const [h, w] = [made(dtype, N * D, 0.5), made(dtype, V * D, 0.01)];
  const [logp, lse, g] = [made("float32", N, 0), made("float32", N, 0), made("float32", N, -1 / N)];
  const dh = made(dtype, N * D, 0);
  const dw = trained ? made("float32", V * D, 0) : 0;
  return {
    forward: () => native.logprobHead(h, w, ids, logp, lse, cache, N, D, V),
    backward: () => native.logprobHeadBackward(h, w, ids, lse, logp, g, cache, dh, dw, N, D, V, false),
    workspaceBytes: native.headWorkspaceBytes(dtype, N, D, V),
    kept: Math.min(1, count / (N * V)),
    cacheBytes: count * (dtype === "float32" ? 4 : 2),
  };
}

function addEntries(report: Report, variant: Variant, peaks: Peaks, options: BenchOptions): void {
  const { name, dtype, trained, seconds, sizes, kept, cacheBytes } = variant;
  const product = 2 * sizes.N * sizes.D * sizes.V;
  const flops = { forward: product, backward: product * (1 + (trained ? 1 : 0) + (1 - kept)) };
  const both = seconds.forward.map((time, i) => time + (seconds.backward[i] as number));
  const total = summarise(both.map((time) => 1000 * time));
  report.add({
    name,
    unit: "ms",
    better: "lower",
    value: total,
    facts: {
      "forward, ms": 1000 * summarise(seconds.forward).median,
      "backward, ms": 1000 * summarise(seconds.backward).median,
      ...rateFacts(
        { seconds: total.median / 1000, flops: flops.forward + flops.backward, bytes: 0 },
        peaks,
        dtype,
      ),
      "workspace at most, MiB": variant.workspaceBytes / MIB,
      "kept logits, MiB": cacheBytes / MIB,
    },
  });
  if (!options.gpu) return;
  const measured = trained && kept === 0 && dtype === "bfloat16" && sizes.D === 4096;
  const { headForward, headBackward, headMemory } = measured ? gpuGoals(options) : {};
  for (const [pass, goal] of [
    ["forward", headForward],
    ["backward", headBackward],
  ] as const) {
    report.add({
      name: `${name}, ${pass}`,
      unit: "TFLOP/s",
      better: "higher",
      value: summarise(seconds[pass].map((time) => flops[pass] / time / 1e12)),
      ...(goal === undefined ? {} : { goal }),
    });
  }
  report.add({
    name: `${name}, memory`,
    unit: "MiB beside arguments",
    better: "lower",
    value: single(variant.used / MIB),
    ...(headMemory === undefined ? {} : { goal: headMemory }),
  });
}
