/** Standard errors: by their definitions, and as lm-evaluation-harness's functions give them for all of MMLU. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { accuracyOf, pooled, summarise } from "../../dist/mmlu/statistics.js";

const harness = JSON.parse(
  readFileSync(
    fileURLToPath(new URL("../../../../test/goldens/expected/mmlu-accuracies.json", import.meta.url)),
    "utf8",
  ),
) as Record<string, { rows: number; accuracy: number; standardError: number }>;

const rowsOf = (rows: number, correct: number): boolean[] =>
  Array.from({ length: rows }, (_, i) => i < correct);

describe("accuracies of one who always answers B, over 57 subjects and 14,042 rows", () => {
  const subjects = Object.entries(harness).filter(([name]) => !name.startsWith("group:"));
  const result = summarise(
    new Map(subjects.map(([name, { rows, accuracy }]) => [name, rowsOf(rows, Math.round(rows * accuracy))])),
  );

  it.each(Object.keys(harness))("%s", (name) => {
    const groups = { all: result.overall, ...result.groups };
    const ours = name.startsWith("group:")
      ? groups[name.slice("group:".length) as keyof typeof groups]
      : result.subjects[name];
    const { rows, accuracy, standardError } = harness[name] as (typeof harness)[string];
    expect(ours?.rows).toBe(rows);
    expect(ours?.accuracy).toBeCloseTo(accuracy, 12);
    expect(ours?.standardError).toBeCloseTo(standardError, 12);
  });
});

describe("a few rows", () => {
  it("of one subject: the sample's standard deviation by the root of the rows", () => {
    // mean 3/4, squares 3·(1/4)² + (3/4)² = 3/4, by n − 1: 1/4
    expect(accuracyOf([true, true, true, false])).toEqual({
      rows: 4,
      correct: 3,
      accuracy: 0.75,
      standardError: 0.25,
    });
  });

  it("have no standard error where there is one", () => {
    const single = accuracyOf([true]);
    expect(single.standardError).toBeNull();
    expect(pooled([single, accuracyOf([true, false])])).toEqual({
      rows: 3,
      correct: 2,
      accuracy: 2 / 3,
      standardError: null,
    });
  });
});
