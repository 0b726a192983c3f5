/** The path from text to token ids (bench/data.ts): rows a second, by the library alone, on threads, and from the cache. */
import { dataFolder } from "../lib/rows.js";
import { single } from "../lib/stats.js";
import { Report, type Suite } from "../lib/suite.js";

interface DataModule {
  runData(options: { data?: string; rounds?: number; say?: (line: string) => void }):
    | { skipped: string }
    | {
        rows: number;
        threads: number;
        sides: { side: string; rowsPerSecond: number; cpuSeconds: number }[];
        prepareMicroseconds: number;
        tokenizerSeconds: number;
      };
}

/** Least rows a second of alpaca. */
const GOALS: Record<string, number> = { threads: 5_000, cache: 50_000 };

export const dataSuite: Suite = async ({ options, say }) => {
  const report = new Report("data", say);
  const folder = dataFolder(options.data);
  if (folder === undefined) {
    report.skip("data", "needs real data: --data or OUTRIGHT_TEST_DATA names its folder");
    return report.finish();
  }
  const path: string = "../data.js";
  let module: DataModule;
  try {
    module = (await import(path)) as DataModule;
  } catch (error) {
    report.skip("data", (error as Error).message);
    return report.finish();
  }
  const result = module.runData({ data: folder, rounds: Math.min(3, options.steps), say });
  if ("skipped" in result) {
    report.skip("data", result.skipped);
    return report.finish();
  }
  report.about = `${result.rows} rows of alpaca-gpt4 to token ids on ${result.threads} threads, each side in a process of its own.`;
  for (const { side, rowsPerSecond, cpuSeconds } of result.sides) {
    const goal = GOALS[side];
    report.add({
      name: side,
      unit: "rows/s",
      better: "higher",
      value: single(rowsPerSecond),
      ...(goal === undefined ? {} : { goal: { atLeast: goal } }),
      facts: { "processor, s": cpuSeconds },
    });
  }
  report.add({
    name: "a step's eight examples from the cache, packed",
    unit: "µs",
    better: "lower",
    value: single(result.prepareMicroseconds),
  });
  return report.finish();
};
