/** Which vector instructions the processor has, as the system tells it. */
import { readFileSync } from "node:fs";

/** Those that matter for kernels, oldest first; x86 names as in /proc/cpuinfo, then Arm's. */
// biome-ignore format: a table
const INTERESTING = [
  "sse2", "sse4_2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512bw", "avx512vl", "avx512_vnni",
  "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2",
];

/** Empty where the system does not say (not Linux). */
export function instructionSets(): string[] {
  let text: string;
  try {
    text = readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return [];
  }
  const flags = new Set(/^(?:flags|Features)\s*:\s*(.*)$/m.exec(text)?.[1]?.split(/\s+/) ?? []);
  return INTERESTING.filter((name) => flags.has(name));
}
