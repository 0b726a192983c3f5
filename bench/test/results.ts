import type { BenchFile, Entry } from "../lib/results.js";
import { summarise } from "../lib/stats.js";

export const entry = (name: string, values: number[], more: Partial<Entry> = {}): Entry => ({
  name,
  unit: "tokens/s",
  better: "higher",
  value: summarise(values),
  ...more,
});

export const file = (...entries: Entry[]): BenchFile => ({
  version: 1,
  date: "2026-01-02",
  commit: "abc1234",
  command: "outright bench step",
  machine: {
    processor: "A processor",
    processors: 2,
    memoryBytes: 1,
    instructionSets: ["avx2"],
    backend: "cpu-avx2",
    matmul: "portable",
    threads: 2,
    node: "v20",
    system: "Linux",
    loadBefore: 0.1,
  },
  suites: [{ suite: "step", about: "What it means.", entries, skipped: [] }],
});
