import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeSweep } from "../../report/test/sweep-fixture.js";
import { start } from "./command.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "outright-report-command-"));
  await writeSweep(join(folder, "first"), {
    steps: 24,
    lambdas: [0.5],
    seeds: [1, 2],
    curves: ["mix", "alright"],
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const report = (...args: string[]) => start(["report", ...args], { cwd: folder }).outcome;

describe("outright report", () => {
  it("makes a sweep's page and its figures", async () => {
    const { code, stdout, stderr } = await report("first", "--title", "Two methods");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(
      /^first\/report\.html \([\d.]+ KiB\)\nfirst\/figures \(\d+ files: SVG, PNG, CSV\)\n$/,
    );
    const files = await readdir(join(folder, "first", "figures"));
    expect(files).toEqual(expect.arrayContaining(["front.svg", "front.png", "front.csv"]));
  });

  it("puts page and figures where it is told", async () => {
    const { code, stdout } = await report("first", "--out", "pages/a.html", "--figures", "pictures");
    expect(code).toBe(0);
    expect(stdout).toContain("pages/a.html");
    expect(await readdir(join(folder, "pictures"))).toContain("outcome.png");
  });

  it("makes a run's figures only where it is asked to", async () => {
    const run = join("first", "runs", "mix-l0.5-s1");
    expect((await report(run, "--out", "run.html")).stdout).toMatch(/^run\.html \([\d.]+ KiB\)\n$/);
    await expect(stat(join(folder, "figures"))).rejects.toThrow();
    const { stdout } = await report(run, "--out", "run.html", "--figures", "run-figures");
    expect(stdout).toContain("run-figures (");
    expect(await readdir(join(folder, "run-figures"))).toEqual(
      expect.arrayContaining(["plane.svg", "plane.png", "plane.csv", "losses.png", "summary.csv"]),
    );
  });

  it("refuses a sweep among others, in one line", async () => {
    const { code, stderr } = await report("first", join("first", "runs", "mix-l0.5-s1"));
    expect(code).not.toBe(0);
    expect(stderr).toBe(
      "outright: first: a sweep has a page of its own; give its directory alone, or directories of runs below first/runs\n",
    );
  });
});
