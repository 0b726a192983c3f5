/** The process of one run, ended from outside. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeSweep } from "../../../test/support/sweep.js";
import { readMetrics } from "../dist/record.js";
import { startRun } from "../dist/run-process.js";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outright-run-process-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a run's process", () => {
  it.each(["SIGTERM", "SIGHUP"] as const)(
    "saves on %s, and the next one goes on from there",
    async (name) => {
      const folder = join(root, name);
      writeSweep(folder, {}, { steps: 60, evaluate: { every: 0, holdout: 0.3 } });
      const config = loadConfig(join(folder, "run.yaml"));
      let last = 0;
      const first = startRun({ type: "train", config }, (event) => {
        if (event.type !== "step") return;
        last = event.step;
        if (last === 3) process.kill(first.pid as number, name);
      });
      expect(await first.outcome).toEqual({ type: "stopped" });
      const saved = readMetrics(config.out).at(-1);
      expect(saved).toMatchObject({ type: "end", reason: "stopped", step: last });
      expect(last).toBeLessThan(60);

      const steps: number[] = [];
      const second = startRun({ type: "train", config }, (event) => {
        if (event.type === "step") steps.push(event.step);
      });
      expect(await second.outcome).toMatchObject({ type: "trained" });
      expect(steps).toEqual(Array.from({ length: 60 - last }, (_, i) => last + 1 + i));
    },
  );

  it("that is killed is told with its signal", async () => {
    const folder = join(root, "killed");
    writeSweep(folder, {}, { steps: 400 });
    const config = loadConfig(join(folder, "run.yaml"));
    const run = startRun({ type: "train", config }, (event) => {
      if (event.type === "step" && event.step === 3) process.kill(run.pid as number, "SIGKILL");
    });
    expect(await run.outcome).toEqual({
      type: "error",
      message: "its process was ended by SIGKILL, as where memory ran out",
    });
  });
});
