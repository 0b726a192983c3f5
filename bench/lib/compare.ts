/** Two results of the same benchmarks side by side. */
import type { BenchFile, Entry } from "./results.js";
import { figure } from "./table.js";

export interface Comparison {
  suite: string;
  name: string;
  unit: string;
  a: number;
  b: number;
  /** b / a */
  ratio: number;
  /** what b is to a, beyond what the measurements themselves scatter */
  verdict: "better" | "worse" | "within noise";
}

/** Where measurements scatter less than this, machines still do. */
const LEAST_NOISE = 0.02;

/** How far two medians may lie apart by chance: both spreads together, as a share. */
export function noise(a: Entry, b: Entry): number {
  return Math.max(LEAST_NOISE, Math.hypot(a.value.spread, b.value.spread));
}

export function compare(
  a: BenchFile,
  b: BenchFile,
): { both: Comparison[]; onlyA: string[]; onlyB: string[] } {
  const index = (file: BenchFile) =>
    new Map(
      file.suites.flatMap(({ suite, entries }) =>
        entries.map((entry) => [`${suite}: ${entry.name}`, { suite, entry }] as const),
      ),
    );
  const left = index(a);
  const right = index(b);
  const both = [...left].flatMap(([key, { suite, entry }]) => {
    const other = right.get(key)?.entry;
    return other === undefined ? [] : [comparison(suite, entry, other)];
  });
  return {
    both,
    onlyA: [...left.keys()].filter((key) => !right.has(key)),
    onlyB: [...right.keys()].filter((key) => !left.has(key)),
  };
}

function comparison(suite: string, a: Entry, b: Entry): Comparison {
  const ratio = b.value.median / a.value.median;
  const improved = b.better === "higher" ? ratio > 1 : ratio < 1;
  const apart = Math.abs(Math.log(ratio)) > Math.log1p(noise(a, b));
  return {
    suite,
    name: a.name,
    unit: a.unit,
    a: a.value.median,
    b: b.value.median,
    ratio,
    verdict: !apart ? "within noise" : improved ? "better" : "worse",
  };
}

/** As a Markdown table, and what stands in one file alone. */
export function compareTable(a: BenchFile, b: BenchFile, names: { a: string; b: string }): string {
  const { both, onlyA, onlyB } = compare(a, b);
  const warning =
    a.machine.processor === b.machine.processor && a.machine.threads === b.machine.threads
      ? []
      : ["The two were not made on the same machine with the same threads: ratios mean little.", ""];
  return [
    `A: ${names.a}, ${a.date}, commit ${a.commit}`,
    `B: ${names.b}, ${b.date}, commit ${b.commit}`,
    "",
    ...warning,
    "| suite | | A | B | unit | B / A | B is |",
    "| --- | --- | ---: | ---: | --- | ---: | --- |",
    ...both.map(
      (line) =>
        `| ${line.suite} | ${line.name} | ${figure(line.a)} | ${figure(line.b)} | ${line.unit} | ${figure(line.ratio)} | ${line.verdict} |`,
    ),
    ...(onlyA.length > 0 ? ["", `only in A: ${onlyA.join("; ")}`] : []),
    ...(onlyB.length > 0 ? ["", `only in B: ${onlyB.join("; ")}`] : []),
  ].join("\n");
}
