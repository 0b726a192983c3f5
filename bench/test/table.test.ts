import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeTables } from "../lib/readme.js";
import { readResults, writeResults } from "../lib/results.js";
import { figure, suiteTable } from "../lib/table.js";
import { entry, file } from "./results.js";

const folder = mkdtempSync(join(tmpdir(), "bench-table-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("tables", () => {
  it("shows three digits", () => {
    expect([0.01234, 1.2345, 12.345, 123.45, 12345.6, 1.2e-7].map(figure)).toEqual([
      ...["0.012", "1.23", "12.3", "123", "12,346", "1.2e-7"],
    ]);
  });

  it("has a row for every entry, its goal, facts as columns, texts once below, and what was skipped", () => {
    const suite = {
      suite: "step",
      about: "What it means.",
      entries: [
        entry("ours", [10, 20, 30], { facts: { "s/step": 2, with: "two threads" } }),
        entry("theirs", [5], { facts: { with: "two threads" } }),
        entry("ratio", [2.5], { unit: "ratio", goal: { atLeast: 3 } }),
      ],
      skipped: [{ name: "bfloat16", reason: "not here" }],
    };
    expect(suiteTable(suite)).toBe(
      [
        "What it means.",
        "",
        "|  | median | unit | min – max | spread | goal | s/step |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: |",
        "| ours | 20.0 | tokens/s | 10.0 – 30.0 | 50 % |  | 2.00 |",
        "| theirs | 5.00 | tokens/s |  |  |  |  |",
        "| ratio | 2.50 | ratio |  |  | ≥ 3 ✗ |  |",
        "",
        "- ours; theirs: two threads",
        "- SKIPPED bfloat16: not here",
      ].join("\n"),
    );
  });

  it("go into README.md between their marks, from every stored file, and leave the rest as it was", () => {
    const readme = join(folder, "README.md");
    mkdirSync(join(folder, "results"));
    const marks = readFileSync(new URL("../README.md", import.meta.url), "utf8").match(
      /<!--.*-->/g,
    ) as string[];
    writeFileSync(readme, `# Before\n${marks[0]}\nold\n${marks[1]}\nafter\n`);
    writeResults(join(folder, "results/first.json"), file(entry("ours", [1])));
    writeResults(join(folder, "results/second.json"), file(entry("theirs", [2])));
    const plan = { date: "2026-01-02", commit: "abc", command: "pnpm bench:plan", runs: [] };
    writeFileSync(join(folder, "results/plan.json"), JSON.stringify(plan));
    expect(writeTables(folder)).toBe(readme);
    expect(readFileSync(readme, "utf8")).toContain("## plan\n\n2026-01-02, commit abc: `pnpm bench:plan`");
    const text = readFileSync(readme, "utf8");
    expect(text).toMatch(/^# Before\n.*## first.*\| ours \|.*## second.*\| theirs \|.*\nafter\n$/s);
    expect(text).not.toContain("old");
    writeTables(folder);
    expect(readFileSync(readme, "utf8")).toBe(text);
    writeFileSync(readme, "nothing");
    expect(() => writeTables(folder)).toThrow("README.md: the marks");
  });
});

describe("files of results", () => {
  it("come back as they were written, with six digits", () => {
    const path = join(folder, "one.json");
    writeResults(path, file(entry("ours", [1 / 3])));
    expect(readResults(path).suites[0]?.entries[0]?.value.median).toBe(0.333333);
  });

  it("of another kind are refused by name", () => {
    const path = join(folder, "other.json");
    writeFileSync(path, "{}");
    expect(() => readResults(path)).toThrow(`${path}: is no result of a benchmark of version 1`);
    writeFileSync(path, "{");
    expect(() => readResults(path)).toThrow(`${path}: cannot be read as a result of a benchmark`);
  });
});
