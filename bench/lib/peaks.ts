/** What the machine can do at best, measured in the same run as everything that is compared with it. */
import { Device, type NativeDtype } from "@outright/tensor";
import type { BenchOptions } from "./options.js";

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

const SIDE = 2048;
/** so large that no cache holds it: 2 × 128 MiB */
const COPY = 2 ** 25;

/** The best of five counts. Where only the tiny shape is measured, as in tests, small products and copies do. */
export function measurePeaks({ threads, shapes }: Pick<BenchOptions, "threads" | "shapes">): Peaks {
  const isTrial = shapes.every((shape) => shape === "tiny");
  const [rounds, side, copy] = isTrial ? [1, SIDE / 8, COPY / 64] : [5, SIDE, COPY];
  const peaks: Peaks = { side, flops: { float32: 0 }, bytes: 0, products: {} };
  using device = Device.open({ threads });
  for (const dtype of ["float32", "bfloat16"] as const) {
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
    const seconds = best(rounds, () => native.linear(x, w, 0, 0, y, side, side, side));
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
  const seconds = best(rounds, () => native.copy(target, 0, source, 0, count));
  native.free(source);
  native.free(target);
  return (2 * 4 * count) / seconds;
}

/** Shortest of `rounds` runs, after one that does not count. */
function best(rounds: number, work: () => void): number {
  work();
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now();
    work();
    shortest = Math.min(shortest, (performance.now() - begun) / 1000);
  }
  return shortest;
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
