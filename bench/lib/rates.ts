import type { Peaks } from "./peaks.js";

/** Rates of some work by the time it took, and what share of the machine's peaks they are. */
export function rateFacts(
  work: { seconds: number; flops: number; bytes: number },
  peaks: Peaks,
  dtype: "float32" | "bfloat16",
): Record<string, number> {
  const { seconds, flops, bytes } = work;
  const peak = peaks.flops[dtype];
  const facts: Record<string, number> = {};
  if (flops > 0) {
    facts["GFLOP/s"] = flops / seconds / 1e9;
    if (peak !== undefined) facts["% of product peak"] = (100 * flops) / seconds / peak;
  }
  if (bytes > 0) {
    facts["GB/s"] = bytes / seconds / 1e9;
    facts["% of copy peak"] = (100 * bytes) / seconds / peaks.bytes;
  }
  return facts;
}
