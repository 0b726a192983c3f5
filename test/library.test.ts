/** The example package trains through the public entry point, as a program of a user's would. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/folder.js";

const main = join(import.meta.dirname, "../examples/library/dist/main.js");
const folder = temporaryFolder();

describe("examples/library", () => {
  it("trains, prints the held-out losses, and leaves a model", { timeout: 120_000 }, async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, folder]);
    expect(stderr).toBe("");
    const losses = [...stdout.matchAll(/^step (\d+), held-out losses: sums (\S+), manners (\S+)$/gm)].map(
      ([, ...numbers]) => numbers.map(Number),
    );
    expect(losses.map(([step]) => step)).toEqual([0, 20, 40, 60]);
    const [first, , , last] = losses;
    expect(first?.[2]).toBeCloseTo(Math.LN2, 4);
    expect(last?.[1]).toBeLessThan(first?.[1] as number);
    expect(last?.[2]).toBeLessThan(first?.[2] as number);
    expect(stdout).toMatch(/^finished after 60 steps: /m);
    expect(existsSync(join(folder, "run/model/model.safetensors"))).toBe(true);
  });
});
