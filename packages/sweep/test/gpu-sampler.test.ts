/** How busy a GPU is, from a program that speaks as nvidia-smi does. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GpuSampler } from "../dist/gpu-sampler.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outright-gpu-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function sampled(script: string): Promise<GpuSampler> {
  const command = join(folder, "nvidia-smi");
  writeFileSync(command, `#!/bin/sh\n${script}\n`);
  chmodSync(command, 0o755);
  const sampler = new GpuSampler();
  sampler.start(command);
  for (let i = 0; i < 500 && sampler.mean() === null; i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  sampler.stop();
  return sampler;
}

describe("GpuSampler", () => {
  it("takes the mean of what is told, and passes over what is no number", async () => {
    const sampler = await sampled("printf '40\\n[N/A]\\n 80\\n'; exec sleep 60");
    expect(sampler.mean()).toBeCloseTo(0.6, 12);
  });

  it("knows nothing where there is no such program", async () => {
    const sampler = new GpuSampler();
    sampler.start(join(folder, "nowhere"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sampler.mean()).toBeNull();
    sampler.stop();
  });
});
