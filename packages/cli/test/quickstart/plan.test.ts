import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "@outright/trainer";
import { describe, expect, it, onTestFinished } from "vitest";
import { writeBaseDirectory } from "../../src/blank-model/blank-model.js";
import { trainTokenizer } from "../../src/blank-model/tokenizer-maker.js";
import {
  BUDGET,
  baseRun,
  METHODS,
  methodRun,
  quickstartPaths,
  SINGLES,
  type SingleName,
  singleRun,
} from "../../src/quickstart/plan.js";
import { makeResults, optimum, printTable } from "../../src/quickstart/table.js";
import { makeWorld } from "../../src/quickstart/world.js";
import { allTexts, writeWorld } from "../../src/quickstart/world-files.js";

const paths = quickstartPaths("/somewhere/quickstart");
const optima = { sft: 0.2, dpo: 0.05 };

describe("the plan", () => {
  it("is made of valid run configs, all with directories of their own", async () => {
    const folder = await mkdtemp(join(tmpdir(), "outright-plan-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const paths = quickstartPaths(folder);
    const world = makeWorld();
    await writeWorld(paths.world, world);
    await writeBaseDirectory(paths.blank, trainTokenizer(allTexts(world), 300));
    await mkdir(join(paths.base, "model"), { recursive: true });
    const configs = [
      baseRun(paths, 1),
      ...(Object.keys(SINGLES) as SingleName[]).map((name) => singleRun(paths, name, 1)),
      ...METHODS.map((name) => methodRun(paths, name, 1, optima)),
    ].map((config) => parseConfig(config));
    expect(new Set(configs.map((config) => config.out)).size).toBe(configs.length);
  });

  it("gives every method the same base, data, optimizer and number of steps", () => {
    const strip = ({ policy: _, out: __, ...rest }: ReturnType<typeof methodRun>) => rest;
    const [first, ...others] = METHODS.map((name) => strip(methodRun(paths, name, 1, optima)));
    for (const other of others) expect(other).toEqual(first);
    expect(strip(singleRun(paths, "sft-only", 1))).toEqual(first);
    const sequential = methodRun(paths, "sft-then-dpo", 1, optima).policy as { stages: { steps: number }[] };
    expect(sequential.stages.reduce((sum, stage) => sum + stage.steps, 0)).toBe(BUDGET.steps);
  });
});

describe("the table", () => {
  const marks = { rightAnswers: 0.9, rightRefusals: 0.75, wrongRefusals: 0, byKind: {} };
  const results = makeResults(
    [
      { name: "base", lines: [], marks: { ...marks, rightAnswers: 0.1 } },
      {
        name: "mix",
        marks,
        lines: [
          { type: "eval", step: 0, losses: { sft: 3, dpo: 0.7 }, seconds: 1 },
          { type: "eval", step: 300, losses: { sft: 0.5, dpo: 0.45 }, seconds: 1 },
          {
            type: "end",
            step: 300,
            reason: "finished",
            seconds: 12.34,
            stepsPerObjective: { sft: 300, dpo: 300 },
            training: { seconds: 10, cpuSeconds: 20, threads: 2, tokens: 9, lossTokens: 5, pairs: 3 },
            peakTensorBytes: 1,
            peakRssBytes: 2,
          },
        ],
      },
    ],
    optima,
    { allowed: 60, forbidden: 40 },
  );

  it("takes the last held-out losses, their gaps and the marks", () => {
    const [base, mix] = results.rows as unknown as [Record<string, unknown>, Record<string, unknown>];
    expect(mix).toMatchObject({
      sft: 0.5,
      dpo: 0.45,
      sftSteps: 300,
      seconds: 12.34,
      rightAnswers: 0.9,
      rightRefusals: 0.75,
    });
    expect(mix["sftGap"]).toBeCloseTo(0.3, 12);
    expect(mix["dpoGap"]).toBeCloseTo(0.4, 12);
    expect(mix["idealDistance"]).toBeCloseTo(0.5, 12);
    expect(base).toMatchObject({ sft: null, idealDistance: null, rightAnswers: 0.1 });
  });

  it("takes for f* the lowest held-out loss", () => {
    const at = (step: number, sft: number) => ({
      type: "eval" as const,
      step,
      losses: { sft, dpo: 1 },
      seconds: 1,
    });
    expect(optimum([at(0, 2), at(25, 0.3), at(50, 0.4), at(75, Number.NaN)], "sft")).toBe(0.3);
  });

  it("stands in two tables where it does not fit: what came out, and what it cost", () => {
    const [outcome, cost, ...more] = printTable(results, 80).split("\n\n") as [string, string];
    expect(more).toEqual([]);
    expect(outcome.split("\n").at(-1)).toBe("mix   0.500  0.450  0.300  0.400     0.500     90 %      75 %");
    expect(cost.split("\n").at(-1)).toBe("mix     300    300    300  12.3");
    for (const line of printTable(results, 30).split("\n")) expect(line.length).toBeLessThanOrEqual(30);
  });

  it("prints aligned", () => {
    const lines = printTable(results).split("\n");
    expect(lines.at(-1)).toBe(
      "mix   0.500  0.450  0.300  0.400     0.500     90 %      75 %    300    300    300  12.3",
    );
    expect(new Set(lines.slice(-2).map((line) => line.length)).size).toBe(1);
  });
});
