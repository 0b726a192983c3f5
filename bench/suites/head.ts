/**
 * The log-prob head alone: forward and backward, with its logits computed again in the backward pass and with as many
 * of them kept as a budget allows, a trained and a frozen head.
 */
import { packSft } from "@outright/data";
import { Device, type NativeDevice, Profile } from "@outright/tensor";
import type { Dtype } from "../lib/options.js";
import { better, describePeaks, measurePeaks } from "../lib/peaks.js";
import { rateFacts } from "../lib/rates.js";
import { dataFolder, loadRows } from "../lib/rows.js";
import { SHAPES } from "../lib/shapes.js";
import { summarise } from "../lib/stats.js";
import { Report, type Suite } from "../lib/suite.js";

/** so much that all logits fit */
const BUDGET = 2 ** 31;
const MIB = 2 ** 20;

interface Variant {
  name: string;
  dtype: Dtype;
  forward: () => void;
  backward: () => void;
  device: Device;
  profile: Profile;
  workspaceBytes: number;
  cacheBytes: number;
  seconds: { forward: number[]; backward: number[] };
  work: { flops: number; bytes: number };
}

export const headSuite: Suite = async ({ options, say }) => {
  const report = new Report("head", say);
  const { threads, steps } = options;
  const before = measurePeaks(options);
  const done: Variant[] = [];
  for (const shape of options.shapes) {
    const rows = await loadRows(96, dataFolder(options.data), SHAPES[shape].vocab_size);
    const row = packSft(rows.sft.slice(0, 8), Number.MAX_SAFE_INTEGER)[0];
    if (row === undefined) throw new Error("there are no rows");
    const { hidden_size: D, vocab_size: V } = SHAPES[shape];
    const variants: Variant[] = [];
    for (const dtype of options.dtypes) {
      for (const trained of [true, false]) {
        for (const budget of [0, BUDGET]) {
          const kept = budget > 0 ? "logits kept" : "logits computed again";
          const name = `${shape} ${dtype} ${trained ? "trained" : "frozen"}, ${kept}`;
          const profile = new Profile();
          const device = Device.open({ threads }, profile.wrap);
          try {
            const variant = head(device.native, dtype, row.targets, D, V, trained, budget);
            if (variant === null) {
              report.skip(name, "this backend keeps no logits");
              device.close();
              continue;
            }
            variant.forward(); // the first calls are not timed
            variant.backward();
            const empty = { seconds: { forward: [], backward: [] }, work: { flops: 0, bytes: 0 } };
            variants.push({ ...variant, ...empty, name, dtype, device, profile });
          } catch (error) {
            device.close();
            if (dtype === "float32" && budget === 0) throw error;
            report.skip(name, (error as Error).message);
          }
        }
      }
    }
    for (let i = 0; i < steps; i++) for (const variant of variants) runOnce(variant);
    for (const { device } of variants) device.close();
    done.push(...variants);
    say(`${shape}: ${variants.length} variants, N = ${row.targets.length}, D = ${D}, V = ${V}`);
  }
  const peaks = better(before, measurePeaks(options));
  for (const { name, dtype, seconds, work, workspaceBytes, cacheBytes } of done) {
    const both = summarise(seconds.forward.map((time, i) => 1000 * (time + (seconds.backward[i] as number))));
    report.add({
      name,
      unit: "ms",
      better: "lower",
      value: both,
      facts: {
        "forward, ms": 1000 * summarise(seconds.forward).median,
        "backward, ms": 1000 * summarise(seconds.backward).median,
        ...rateFacts({ seconds: both.median / 1000, ...work }, peaks, dtype),
        "workspace at most, MiB": workspaceBytes / MIB,
        "kept logits, MiB": cacheBytes / MIB,
      },
    });
  }
  report.about = [
    "Forward and backward of the log-prob head on the loss tokens of eight alpaca rows. Operations: 2NDV forward; backward 2NDV for dh, 2NDV for dw",
    "where the head trains, and 2NDV more where logits are computed again.",
    describePeaks(peaks),
  ].join(" ");
  return report.finish();
};

function runOnce({ profile, forward, backward, seconds, work }: Variant): void {
  profile.reset();
  forward();
  backward();
  const totals = profile.totals();
  const of = (operation: string) => totals.find((total) => total.operation === operation)?.seconds as number;
  seconds.forward.push(of("logprobHead"));
  seconds.backward.push(of("logprobHeadBackward"));
  work.flops = totals.reduce((sum, { flops }) => sum + flops, 0);
  work.bytes = totals.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** null where logits are to be kept and cannot be. */
function head(
  native: NativeDevice,
  dtype: Dtype,
  targets: Int32Array,
  D: number,
  V: number,
  trained: boolean,
  budget: number,
): Pick<Variant, "forward" | "backward" | "workspaceBytes" | "cacheBytes"> | null {
  const N = targets.length;
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
    cacheBytes: count * (dtype === "float32" ? 4 : 2),
  };
}
