import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { start } from "./command.js";

const RUN = "mix-l0.5-s1";

/** A sweep that still goes: two runs have ended, one of them left its metrics. */
async function writeSweep(dir: string): Promise<void> {
  const row = (curve: string, label: string, sft: number) => ({
    version: 1,
    id: `${curve}-l0.5-s1`,
    curve,
    label,
    method: curve,
    lambda: 0.5,
    every: null,
    seed: 1,
    status: "finished",
    steps: 2,
    stepsPerObjective: { sft: 2, dpo: 2 },
    tokens: 100,
    seconds: 1.5,
    cpuUtilization: 0.5,
    heldout: {
      losses: { sft, dpo: 0.4 },
      gaps: { sft: sft - 1, dpo: 0.3 },
      idealDistance: 0.5,
      scaledDistance: 0.6,
    },
    train: null,
  });
  const evaluation = (step: number) => ({
    type: "eval",
    step,
    losses: { sft: 2 - 0.2 * step, dpo: 0.7 - 0.1 * step },
  });
  const metrics = [
    {
      type: "start",
      version: 1,
      model: "m",
      objectives: { sft: { kind: "sft" }, dpo: { kind: "dpo" } },
      steps: 2,
    },
    evaluation(0),
    { type: "step", step: 1, objective: "sft", losses: { sft: 1.9 }, seconds: 0.1 },
    { type: "step", step: 2, objective: "dpo", losses: { dpo: 0.6 }, seconds: 0.1 },
    evaluation(2),
    { type: "end", step: 2, reason: "finished", seconds: 1.5, stepsPerObjective: { sft: 1, dpo: 1 } },
  ];
  const jsonl = (lines: object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  await mkdir(join(dir, "runs", RUN), { recursive: true });
  await writeFile(join(dir, "runs", RUN, "metrics.jsonl"), jsonl(metrics));
  await writeFile(
    join(dir, "results.jsonl"),
    jsonl([row("mix", "Mix", 1.6), row("alright", "ALRIGHT", 1.7)]),
  );
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "outright-report-command-"));
  await writeSweep(join(folder, "first"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const report = (...args: string[]) => start(["report", ...args], { cwd: folder }).outcome;

describe("outright report", () => {
  it("makes a sweep's page and its figures", async () => {
    const { code, stdout, stderr } = await report("first", "--title", "Two methods");
    expect(code).toBe(0);
    expect(stderr).toContain("warning: The sweep has not ended: 2 runs have finished.");
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
    const run = join("first", "runs", RUN);
    expect((await report(run, "--out", "run.html")).stdout).toMatch(/^run\.html \([\d.]+ KiB\)\n$/);
    await expect(stat(join(folder, "figures"))).rejects.toThrow();
    const { stdout } = await report(run, "--out", "run.html", "--figures", "run-figures");
    expect(stdout).toContain("run-figures (");
    expect(await readdir(join(folder, "run-figures"))).toEqual(
      expect.arrayContaining(["plane.svg", "plane.png", "plane.csv", "losses.png", "summary.csv"]),
    );
  });

  it("refuses a sweep among others, in one line", async () => {
    const { code, stderr } = await report("first", join("first", "runs", RUN));
    expect(code).not.toBe(0);
    expect(stderr).toBe(
      "outright: first: a sweep has a page of its own; give its directory alone, or directories of runs below first/runs\n",
    );
  });
});
