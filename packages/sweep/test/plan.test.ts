/** Which runs a sweep makes, and with which configs. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSweep, planRuns } from "@outright/sweep";
import { parseConfig } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeSweep } from "../../../test/support/sweep.js";

let root: string;
let count = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outright-plan-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const planned = (sweep: object, run: object = {}) => {
  const config = loadSweep(writeSweep(join(root, String(count++)), sweep, run));
  return planRuns(config);
};
const known = {
  optima: { sft: { heldout: 1.5, from: "x" }, dpo: { heldout: 0.1, from: "x" } },
  perStep: { sft: { tokens: 200, seconds: 1 }, dpo: { tokens: 100, seconds: 4 } },
};

describe("planRuns", () => {
  it("begins with what measures f*, then goes seed by seed, each run once", () => {
    const ids = planned({
      methods: [
        "single",
        "sequential",
        "mix",
        { name: "maxright", every: [1, 10], lambdas: [0.25] },
        "average",
      ],
      lambdas: [0.25, 0.5],
      seeds: [7, 8],
    }).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.slice(0, 3)).toEqual(["single-sft-s7", "single-dpo-s7", "sequential-dpo-sft-l0.25-s7"]);
    // each seed: 2 single, 4 sequential, 2 mix, 2 maxright, 2 average
    expect(ids.length).toBe(24);
    expect(ids.indexOf("single-sft-s8")).toBe(12);
  });

  it("gives every run a config that a run could have, with the same held-out rows for all seeds", () => {
    for (const run of planned({
      methods: ["single", "sequential", "mix", "mix-one-pass", "alright", "maxright", "maxright-smoothed"],
      seeds: [1, 2],
    })) {
      const config = run.config?.(known);
      expect(config, run.id).toBeDefined();
      if (config === undefined) continue;
      expect(parseConfig(config, { checkFiles: false }), run.id).toEqual(config);
      expect(config.seed).toBe(run.seed);
      expect(config.evaluate).toMatchObject({ splitSeed: 42, trainRows: 500 });
      expect(config.optima === undefined).toBe(run.method === "single");
    }
  });

  it("sequential gives the preference objective λ of the steps, in both orders", () => {
    const stages = planned({ methods: ["sequential"], lambdas: [0.25], budget: { steps: 100 } })
      .filter(({ method }) => method === "sequential")
      .map((run) => run.config?.(known).policy);
    expect(stages).toEqual([
      expect.objectContaining({
        stages: [
          { objective: "dpo", steps: 25 },
          { objective: "sft", steps: 75 },
        ],
      }),
      expect.objectContaining({
        stages: [
          { objective: "sft", steps: 75 },
          { objective: "dpo", steps: 25 },
        ],
      }),
    ]);
  });

  it("with a budget of tokens the first stage ends by what its steps take, the second by the budget", () => {
    const runs = planned({ methods: ["sequential"], lambdas: [0.25], budget: { tokens: 8000 } });
    const configs = runs.filter(({ method }) => method === "sequential").map((run) => run.config?.(known));
    expect(configs.map((config) => config?.budget)).toEqual([{ tokens: 8000 }, { tokens: 8000 }]);
    const first = configs.map((config) => (config?.policy as { stages: unknown[] }).stages[0]);
    expect(first).toEqual([
      { objective: "dpo", steps: 20 },
      { objective: "sft", steps: 30 },
    ]);
  });

  it("needs no run for f* where it is given", () => {
    const runs = planned({ methods: ["alright"], optima: { sft: 1, dpo: 0.1 } });
    expect(runs.map(({ id }) => id)).toEqual(["alright-l0.5-s1"]);
    expect(runs[0]?.needs).toEqual([]);
  });

  it("MAXRIGHT decides by f*", () => {
    const run = planned({ methods: ["maxright"], every: [4] }).find(({ method }) => method === "maxright");
    expect(run?.config?.(known).policy).toEqual({
      name: "maxright",
      lambda: 0.5,
      every: 4,
      gaps: "fresh",
      optima: { sft: 1.5, dpo: 0.1 },
    });
  });
});

describe("loadSweep", () => {
  const refused = (sweep: object, run: object = {}) => {
    const path = writeSweep(join(root, String(count++)), sweep, run);
    try {
      loadSweep(path);
    } catch (error) {
      return (error as Error).message.replaceAll(`${path}:`, "").replaceAll(root, "");
    }
    throw new Error("it was not refused");
  };

  it.each([
    ["an unknown method", { methods: ["dpo"] }, {}, /^1: |methods\.0: must be one of single, sequential/],
    ["a λ beyond 1", { lambdas: [1.5] }, {}, /lambdas\.0: must be a number from 0 to 1; got 1\.5/],
    ["no seed", { seeds: [] }, {}, /seeds: must be a list that is not empty/],
    ["an unknown key", { lambda: [1] }, {}, /lambda: unknown key; did you mean lambdas\?/],
    [
      "K of a method that has none",
      { methods: [{ name: "mix", every: [2] }] },
      {},
      /every: only maxright has a K; leave it out of mix/,
    ],
    [
      "one objective",
      {},
      {
        policy: { name: "single", objective: "a" },
        objectives: { a: { kind: "sft", data: "run.yaml", format: "text" } },
      },
      /run: a sweep compares one sft and one dpo/,
    ],
    ["nothing held out", {}, { evaluate: { holdout: 0 } }, /run: nothing is held out/],
    ["random weights", {}, { init: "random" }, /run: init: random gives every seed another model/],
    [
      "tokens with a falling rate",
      { budget: { tokens: 9 } },
      { schedule: { name: "cosine" } },
      /budget: the schedule cosine falls/,
    ],
  ])("refuses %s in one line", (_, sweep, run, message) => {
    const told = refused(sweep, run);
    expect(told).toMatch(message);
    expect(told).not.toContain("\n");
  });

  it("keys of the run config are replaced for all runs, and wrong ones are named", () => {
    const config = loadSweep(writeSweep(join(root, String(count++)), { set: { "optimizer.lr": 0.25 } }));
    expect(config.base.optimizer.lr).toBe(0.25);
    expect(refused({ set: { "optimizer.rate": 1 } })).toMatch(/optimizer\.rate: unknown key/);
  });

  it("says where there is no config", () => {
    expect(() => loadSweep(join(root, "nowhere.yaml"))).toThrow(/nowhere\.yaml: no such sweep config$/);
  });
});
