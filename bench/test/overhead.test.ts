import { counterRandom } from "@outright/data";
import { Device } from "@outright/tensor";
import { describe, expect, it } from "vitest";
import { OverheadPair } from "../lib/overhead-pair.js";
import { loadRows } from "../lib/rows.js";
import { SHAPES } from "../lib/shapes.js";
import { soak, soakResult } from "../lib/soak.js";
import { overheadEntry } from "../suites/overhead.js";

describe("the overhead of a policy", () => {
  it("is what its steps take beyond its twin's, steps with and without probes weighed by their time", () => {
    const probing = { seconds: 1.5, twinSeconds: 1, probes: 2 };
    const plain = { seconds: 1, twinSeconds: 1, probes: 0 };
    const disturbed = { seconds: 9, twinSeconds: 1, probes: 0 };
    const steps = [probing, plain, plain, plain, plain, plain, plain, plain, plain, disturbed];
    const entry = overheadEntry("MAXRIGHT K=10", steps, 8);
    expect(entry.value.median).toBeCloseTo(5, 10);
    expect(entry.facts?.["by total time, %"]).toBeCloseTo(85, 10);
    expect(entry.facts?.["steps with extra passes"]).toBe(1);
    expect(entry.goal).toEqual({ atMost: 8 });
  });

  it("is measured on a twin that trains the same bits", async () => {
    using device = Device.open();
    const rows = await loadRows(16, undefined, 512);
    const settings = { device, shape: SHAPES.tiny, rows, batch: 4, steps: 6 };
    const pair = new OverheadPair(settings, { name: "maxright", lambda: 0.5, every: 2 });
    const probes = [1, 2, 3, 4, 5, 6].map((step) => pair.step(step).probes);
    expect(probes).toEqual([2, 0, 2, 0, 2, 0]);
    const [policy, twin] = pair.models();
    policy.parameters.forEach((parameter, i) => {
      expect(parameter.toFloat32()).toEqual(twin.parameters[i]?.toFloat32());
    });
    const untrained = counterRandom(7, `init/${policy.parameters[0]?.name}`);
    expect(policy.parameters[0]?.toFloat32(0, 1)[0]).not.toBe(untrained(0));
    pair.close();
  });
});

describe("a soak", () => {
  it("of 480 small steps leaves device memory where it was", { timeout: 120_000 }, async () => {
    // 24 steps use all rows once, and so does each tenth of the second half: their peaks can be compared
    const result = await soak(480);
    expect(result.steps).toBe(480);
    expect(result.liveBuffers.last).toBe(result.liveBuffers.first);
    expect(result.deviceGrowth).toBeLessThan(0.01);
    expect(result.rssGrowth).toBeLessThan(0.05);
  });

  it("tells growth and slowing down", () => {
    const series = (of: (i: number) => number) => Array.from({ length: 100 }, (_, i) => of(i));
    const flat = series(() => 100);
    const still = { device: flat, buffers: flat, rss: flat, seconds: flat };
    expect(soakResult(still)).toMatchObject({ deviceGrowth: 0, rssGrowth: 0, slowdown: 0, steps: 100 });
    const grows = series((i) => 100 + i);
    expect(soakResult({ ...still, device: grows }).deviceGrowth).toBeGreaterThan(0.2);
    expect(soakResult({ ...still, rss: grows }).rssGrowth).toBeGreaterThan(0.2);
    expect(soakResult({ ...still, seconds: grows }).slowdown).toBeGreaterThan(0.1);
  });
});
