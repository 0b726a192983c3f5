/** What the machine can do at best, measured in the same run as everything that is compared with it. */
import type { Device, NativeDtype } from "@outright/tensor";
import { openDevice } from "@outright/trainer";
import type { BenchOptions } from "./options.js";
import { CallTimer } from "./timing.js";

export interface Peaks {
  /** of the square product */
  side: number;
  /** largest rate of a large square product, by dtype, of the matrix product in use */
  flops: { float32: number; bfloat16?: number };
  /** bytes read and written per second by a copy much larger than the caches */
  bytes: number;
  /** GFLOP/s of each product that is here, for the record */
  products: Record<string, number>;
}

/** of the square product and elements of the copy: so many that no cache holds them, 2 × 128 MiB and 2 × 1 GiB */
const SIZES = { processor: { side: 2048, copy: 2 ** 25 }, gpu: { side: 8192, copy: 2 ** 28 } };
const TRIAL = { side: 256, copy: 2 ** 19 };

/** The best of five counts. Where only the tiny shape is measured, as in tests, small products and copies do. */
export function measurePeaks(
  options: Pick<BenchOptions, "device" | "gpu" | "threads" | "shapes" | "dtypes">,
): Peaks {
  const isTrial = options.shapes.every((shape) => shape === "tiny");
  const rounds = isTrial ? 1 : 5;
  const { side, copy } = isTrial ? TRIAL : options.gpu ? SIZES.gpu : SIZES.processor;
  const peaks: Peaks = { side, flops: { float32: 0 }, bytes: 0, products: {} };
  using device = openDevice(options);
  for (const dtype of ["float32", "bfloat16"] as const) {
    // a large product in float32 is the slowest thing a GPU does
    if (options.gpu && !options.dtypes.includes(dtype)) continue;
    const rate = productRate(device, dtype, side, rounds);
    if (rate === null) continue;
    peaks.products[dtype] = rate / 1e9;
    peaks.flops[dtype] = rate;
  }
  peaks.bytes = copyRate(device, rounds, copy);
  return peaks;
}

/** null where this product does not do this dtype. */
function productRate(device: Device, dtype: NativeDtype, side: number, rounds: number): number | null {
  const { native } = device;
  const buffers = [0, 1, 2].map(() => native.alloc(dtype, side * side));
  const [x, w, y] = buffers as [number, number, number];
  try {
    native.fill(x, 0.5);
    native.fill(w, 0.25);
    const seconds = best(device, rounds, () => native.linear(x, w, 0, 0, y, side, side, side));
    return (2 * side ** 3) / seconds;
  } catch {
    return null;
  } finally {
    for (const buffer of buffers) native.free(buffer);
  }
}

function copyRate(device: Device, rounds: number, count: number): number {
  const { native } = device;
  const source = native.alloc("float32", count);
  const target = native.alloc("float32", count);
  native.fill(source, 1);
  const seconds = best(device, rounds, () => native.copy(target, 0, source, 0, count));
  native.free(source);
  native.free(target);
  return (2 * 4 * count) / seconds;
}

/** Shortest of `rounds` runs, after those that do not count. */
function best(device: Device, rounds: number, work: () => void): number {
  const seconds = new CallTimer(device).prepare(work);
  return Math.min(...Array.from({ length: rounds }, seconds));
}

/** The better of two measurements, one before and one after the work, of which a neighbour may have disturbed either. */
export function better(a: Peaks, b: Peaks): Peaks {
  const bfloat16 = Math.max(a.flops.bfloat16 ?? 0, b.flops.bfloat16 ?? 0);
  return {
    side: a.side,
    flops: {
      float32: Math.max(a.flops.float32, b.flops.float32),
      ...(bfloat16 > 0 ? { bfloat16 } : {}),
    },
    bytes: Math.max(a.bytes, b.bytes),
    products: Object.fromEntries(
      Object.entries(a.products).map(([name, rate]) => [name, Math.max(rate, b.products[name] ?? 0)]),
    ),
  };
}

export function describePeaks({ side, bytes, products }: Peaks): string {
  const rates = Object.entries(products).map(([name, rate]) => `${name} ${rate.toFixed(0)} GFLOP/s`);
  return `Peaks in this run: products of ${side} × ${side}: ${rates.join(", ")}; copy ${(bytes / 1e9).toFixed(1)} GB/s.`;
}
