/** Sweeps through their public door: runs in processes of their own, tables, failures, stops and kills. */
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type FinishedRow,
  loadSweep,
  type OptimaFile,
  runOptima,
  runSweep,
  type SweepEvent,
  type SweepSummary,
} from "@outright/sweep";
import { loadConfig, parseConfig } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRows, withoutTimes, writeSweep } from "../../../test/support/sweep.js";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outright-sweep-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const METHODS = ["sequential", "mix", "mix-one-pass", "alright", "maxright", "average"];
const readJson = <T>(...path: string[]) => JSON.parse(readFileSync(join(...path), "utf8")) as T;

describe("a sweep", () => {
  let folder: string;
  const events: SweepEvent[] = [];
  beforeAll(async () => {
    folder = join(root, "whole");
    const sweep = loadSweep(writeSweep(folder, { methods: METHODS, seeds: [1, 2] }));
    const result = await runSweep(sweep, { onEvent: (event) => events.push(event) });
    expect(result).toMatchObject({ reason: "finished", failed: 0 });
  });

  it("has a row for every run, whose losses are those that the run itself told", () => {
    const rows = readRows(folder) as FinishedRow[];
    expect(rows.length).toBe(18);
    expect(rows.every(({ status }) => status === "finished")).toBe(true);
    for (const row of rows.filter(({ method }) => method !== "average")) {
      const lines = readFileSync(join(folder, "sweep/runs", row.id, "metrics.jsonl"), "utf8")
        .trimEnd()
        .split("\n");
      const evals = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === "eval");
      expect(row.heldout.losses).toEqual(evals.at(-1).losses);
      expect(row.train?.losses).toEqual(evals.at(-1).train.losses);
      expect(row.steps).toBe(6);
      expect(row.tokens).toBe(
        lines
          .map((line) => JSON.parse(line))
          .filter(({ type }) => type === "step")
          .reduce((sum, { tokens }) => sum + tokens, 0),
      );
    }
  });

  it("measures gaps from the optima of its first seed", () => {
    const optima = readJson<OptimaFile>(folder, "sweep/optima.json");
    const rows = readRows(folder) as FinishedRow[];
    for (const { heldout } of rows)
      for (const [name, loss] of Object.entries(heldout.losses))
        expect(heldout.gaps[name]).toBe(loss - (optima.objectives[name]?.heldout as number));
    const single = rows.find(({ id }) => id === "single-sft-s1");
    expect(optima.objectives.sft?.losses.heldout).toEqual(single?.heldout.losses);
    expect(optima.objectives.sft?.heldout).toBeLessThanOrEqual(single?.heldout.losses.sft as number);
    const alright = parseConfig(
      readFileSync(join(folder, "sweep/runs/alright-l0.5-s1/config.yaml"), "utf8"),
      {
        checkFiles: false,
      },
    );
    expect(alright.optima?.dpo).toMatchObject({ heldout: optima.objectives.dpo?.heldout });
  });

  it("Mix with one backward pass ends where Mix ends, for more memory", () => {
    const rows = readRows(folder) as FinishedRow[];
    const of = (curve: string) => rows.find((row) => row.curve === curve && row.seed === 1) as FinishedRow;
    expect(of("mix-one-pass").heldout.losses).toEqual(of("mix").heldout.losses);
    expect(of("mix-one-pass").peakTensorBytes as number).toBeGreaterThan(of("mix").peakTensorBytes as number);
  });

  it("an average costs what both of its parts cost", () => {
    const rows = readRows(folder) as FinishedRow[];
    const average = rows.find(({ id }) => id === "average-l0.5-s2") as FinishedRow;
    const parts = rows.filter(({ method, seed }) => method === "single" && seed === 2);
    expect(average.tokens).toBe(parts.reduce((sum, { tokens }) => sum + tokens, 0));
    expect(average.stepsPerObjective).toEqual({ sft: 6, dpo: 6 });
    expect(average.heldout.losses).not.toEqual(parts[0]?.heldout.losses);
  });

  it("groups the rows over seeds, relative to sequential training, and answers in sentences", () => {
    const summary = readJson<SweepSummary>(folder, "sweep/summary.json");
    expect(summary.baseline).toEqual({ curve: "sequential-dpo-sft", label: "DPO then SFT" });
    expect(summary.curves.map(({ curve }) => curve)).toContain("maxright-k10");
    const rows = readRows(folder) as FinishedRow[];
    for (const { curve, points } of summary.curves) {
      const [point] = points;
      const own = rows.filter((row) => row.curve === curve);
      expect(point?.seeds).toEqual([1, 2]);
      expect(point?.heldout.idealDistance.mean).toBeCloseTo(
        own.reduce((sum, { heldout }) => sum + heldout.idealDistance, 0) / 2,
        12,
      );
    }
    const mix = summary.curves.find(({ curve }) => curve === "mix")?.points[0];
    const sequential = rows.filter(({ curve }) => curve === "sequential-dpo-sft");
    const increase = rows
      .filter(({ curve }) => curve === "mix")
      .map((row, i) => 100 * (row.tokens / (sequential[i] as FinishedRow).tokens - 1));
    expect(mix?.increase?.tokens.mean).toBeCloseTo(
      ((increase[0] as number) + (increase[1] as number)) / 2,
      9,
    );
    expect(summary.answer.join(" ")).toMatch(/^Nearest to the ideal point on held-out rows: .* at λ = 0\.5/);
    const csv = readFileSync(join(folder, "sweep/results.csv"), "utf8").trimEnd().split("\n");
    expect(csv.length).toBe(19);
    expect(new Set(csv.map((line) => line.replaceAll(/"[^"]*"/g, "").split(",").length)).size).toBe(1);
  });

  it("tells each run's beginning and end, and f*", () => {
    const of = (type: SweepEvent["type"]) => events.filter((event) => event.type === type);
    expect(of("plan")).toEqual([{ type: "plan", runs: 18, done: 0 }]);
    expect(of("begin").length).toBe(18);
    expect(of("row").length).toBe(18);
    expect(of("optima").length).toBe(1);
  });

  it("does nothing when it is asked again, and only what is new when it grows", async () => {
    const again: SweepEvent[] = [];
    const before = readFileSync(join(folder, "sweep/results.jsonl"), "utf8");
    const same = loadSweep(join(folder, "sweep.yaml"));
    await runSweep(same, { onEvent: (event) => again.push(event) });
    expect(again.filter(({ type }) => type === "begin")).toEqual([]);
    expect(readFileSync(join(folder, "sweep/results.jsonl"), "utf8")).toBe(before);
    const more = loadSweep(join(folder, "sweep.yaml"), {
      overrides: { methods: "[mix, alright]", seeds: "[1, 3]" },
    });
    const grown: SweepEvent[] = [];
    const result = await runSweep(more, { onEvent: (event) => grown.push(event) });
    expect(grown.flatMap((event) => (event.type === "begin" ? [event.run.id] : []))).toEqual([
      "mix-l0.5-s3",
      "alright-l0.5-s3",
    ]);
    expect(result.rows.length).toBe(6);
  });

  it("refuses runs of another config, and other data", async () => {
    const other = loadSweep(join(folder, "sweep.yaml"), { overrides: { budget: "{ steps: 7 }" } });
    await expect(runSweep(other)).rejects.toThrow(
      /single-sft-s1: was made with another config \(steps\); choose/,
    );
  });
});

describe("what goes wrong", () => {
  it("a run that fails is told of, and the rest goes on; the next time it is tried again", async () => {
    const folder = join(root, "failing");
    const sweep = loadSweep(writeSweep(folder, { methods: ["mix", "alright"] }));
    const blocked = join(folder, "sweep/runs/mix-l0.5-s1");
    const abort = { done: false };
    const onEvent = (event: SweepEvent) => {
      if (event.type !== "optima" || abort.done) return;
      abort.done = true;
      writeFileSync(blocked, "in the way");
    };
    const result = await runSweep(sweep, { onEvent });
    expect(result).toMatchObject({ reason: "finished", failed: 1 });
    const row = readRows(folder).find(({ id }) => id === "mix-l0.5-s1");
    expect(row).toMatchObject({
      status: "failed",
      error: `${blocked}: is a file; choose another directory for out`,
    });
    expect(readRows(folder).find(({ id }) => id === "alright-l0.5-s1")?.status).toBe("finished");
    rmSync(blocked);
    expect(await runSweep(sweep)).toMatchObject({ failed: 0 });
  });

  it("what needs a run that failed fails with it", async () => {
    const folder = join(root, "needy");
    const sweep = loadSweep(writeSweep(folder, { methods: ["alright"] }, { optimizer: { lr: 1e30 } }));
    const result = await runSweep(sweep);
    expect(result.failed).toBe(3);
    expect(result.summary).toBeNull();
  });

  it("data that changed since is refused", async () => {
    const folder = join(root, "changed");
    const rows = join(import.meta.dirname, "../../../test/goldens/rows");
    const path = writeSweep(folder, { methods: ["single"] });
    writeFileSync(join(folder, "own.jsonl"), readFileSync(join(rows, "sft.jsonl")));
    const own = readFileSync(join(folder, "run.yaml"), "utf8").replace(join(rows, "sft.jsonl"), "own.jsonl");
    writeFileSync(join(folder, "run.yaml"), own);
    await runSweep(loadSweep(path));
    appendFileSync(join(folder, "own.jsonl"), "\n");
    await expect(runSweep(loadSweep(path))).rejects.toThrow(/made from other files \(data of sft changed\)/);
  });

  it("stopped, it saves what goes on and ends with the same table later", async () => {
    const folder = join(root, "stopped");
    const sweep = loadSweep(writeSweep(folder, { methods: ["alright", "maxright"] }));
    const abort = new AbortController();
    const stopped = await runSweep(sweep, {
      signal: abort.signal,
      onEvent: (event) => {
        if (event.type === "run" && event.id.startsWith("alright") && event.event.type === "step")
          abort.abort();
      },
    });
    expect(stopped.reason).toBe("stopped");
    expect(existsSync(join(folder, "sweep/runs/alright-l0.5-s1/record.json"))).toBe(false);
    expect(await runSweep(sweep)).toMatchObject({ reason: "finished", failed: 0 });
    const straight = join(root, "straight");
    await runSweep(loadSweep(writeSweep(straight, { methods: ["alright", "maxright"] })));
    expect(withoutTimes(readRows(folder))).toEqual(withoutTimes(readRows(straight)));
  });
});

describe("killed with SIGKILL, again and again", () => {
  it("gives the same table as one that was not", async () => {
    const sweep = { methods: ["sequential", "maxright", "average"], jobs: 2 };
    const straight = join(root, "unkilled");
    await runSweep(loadSweep(writeSweep(straight, sweep)));
    const killed = join(root, "killed");
    const path = writeSweep(killed, sweep);
    const command = join(import.meta.dirname, "../../cli/bin/outright.mjs");
    let kills = 0;
    for (let code: number | null = null; code !== 0; ) {
      const child = spawn(process.execPath, [command, "sweep", path, "--json"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      // each life sees a few steps more than the one before
      let steps = 0;
      const most = 3 + 2 * kills;
      child.stdout.on("data", (text: Buffer) => {
        steps += text.toString().split('"type":"step"').length - 1;
        if (steps >= most && kills < 4) child.kill("SIGKILL");
      });
      code = await new Promise((resolve) => child.on("exit", resolve));
      if (code !== 0) kills++;
      expect(kills).toBeLessThanOrEqual(4);
    }
    expect(kills).toBeGreaterThanOrEqual(3);
    expect(withoutTimes(readRows(killed))).toEqual(withoutTimes(readRows(straight)));
  });
});

describe("optima", () => {
  it("are kept where nothing changed, and measured anew where something did", async () => {
    const folder = join(root, "optima");
    writeSweep(folder, {});
    const config = loadConfig(join(folder, "run.yaml"));
    const out = join(folder, "optima");
    const begun: string[] = [];
    const notices: string[] = [];
    const onEvent = (event: SweepEvent) => {
      if (event.type === "begin") begun.push(event.run.id);
      if (event.type === "notice") notices.push(event.message);
    };
    const first = await runOptima(config, out, { onEvent });
    expect(first.summary?.optimaCost).toMatchObject({ steps: 12 });
    expect(begun.splice(0)).toEqual(["single-sft-s42", "single-dpo-s42"]);
    // the policy does not matter
    await runOptima({ ...config, policy: { name: "mix", lambda: 0.5, backward: "apart" } }, out, { onEvent });
    expect(begun).toEqual([]);
    await runOptima({ ...config, steps: 4 }, out, { onEvent });
    expect(begun.length).toBe(2);
    expect(notices).toEqual(["f* is measured anew, since other than before are: steps"]);
    const file = readJson<OptimaFile>(out, "optima.json");
    expect(file.objectives.sft).toMatchObject({ steps: 4, seed: 42, run: "runs/single-sft-s42" });
    const read = parseConfig({ ...config, optima: join(out, "optima.json") });
    expect(read.optima?.sft?.heldout).toBe(file.objectives.sft?.heldout);
  });
});
