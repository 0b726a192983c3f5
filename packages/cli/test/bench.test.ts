/** `outright bench`: what can be told without measuring anything. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { run } from "./command.js";

const folder = mkdtempSync(join(tmpdir(), "outright-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

const results = (name: string, median: number) => {
  const value = { median, min: median, max: median, spread: 0, count: 3 };
  const entry = { name: "14m sft float32 ours", unit: "useful tokens/s", better: "higher", value };
  const suites = [{ suite: "step", about: "", entries: [entry], skipped: [] }];
  const path = join(folder, name);
  const about = { version: 1, date: "2026-01-02", commit: "abc", command: "outright bench", machine: {} };
  writeFileSync(path, JSON.stringify({ ...about, suites }));
  return path;
};

describe("outright bench", () => {
  it("--compare prints the ratio of every entry", async () => {
    const { code, stdout, stderr } = await run([
      ...["bench", "--compare", results("a.json", 100), results("b.json", 150)],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("| step | 14m sft float32 ours | 100 | 150 | useful tokens/s | 1.50 | better |");
  });

  it("--compare wants two files, and files of results", async () => {
    const a = results("a.json", 100);
    expect(await run(["bench", "--compare", a])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("--compare takes two files of results: --compare A B"),
    });
    const other = join(folder, "other.json");
    writeFileSync(other, "{}");
    expect(await run(["bench", "--compare", a, other])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${other}: is no result of a benchmark of version 1`),
    });
  });

  it("refuses a suite, a shape and a number that there is not, before it measures", async () => {
    expect(await run(["bench", "speed"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'there is no suite "speed"; there are ops, head, attention, rows, step, ladder',
      ),
    });
    expect(await run(["bench", "--shape", "7b"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Allowed choices are tiny, 14m, 70m, 1b, 8b"),
    });
    expect(await run(["bench", "--steps", "0"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("It must be a whole number, 1 or more"),
    });
  });
});
