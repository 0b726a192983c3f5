/**
 * The CUDA backend without a GPU: what it says of itself, and whole runs on its kernels, which the operation test's build
 * also makes as plain C++ on an emulation of a GPU (cuda/test/emulation).
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listBackends } from "@outright/tensor";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const emulated = join(root, "native/build-test/cuda/test/outright_cuda_emulated.so");
const cuda = listBackends().find(({ kind }) => kind === "cuda");

it("the CUDA library loads, and says in one line why it cannot run here", ({ skip }) => {
  skip(cuda === undefined || cuda.path === "", "no CUDA library was built: nvcc was not found");
  skip((cuda?.score ?? 0) > 0, "this machine has a GPU");
  expect(cuda?.reason).toMatch(/^no CUDA device: [^\n]+$/);
});

it("device: auto trains on the processor where there is no GPU, and doctor says why", ({ skip }) => {
  skip((cuda?.score ?? 0) > 0, "this machine has a GPU");
  const outright = join(root, "packages/cli/bin/outright.mjs");
  const { stdout, status } = spawnSync(process.execPath, [outright, "doctor"], { encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^ +0 {2}cuda {2}\S.+$/m);
  expect(stdout).toMatch(/device: auto takes cpu-/);
});

it("golden rows and training steps on the emulated backend are the CPU's, and the same twice", ({ skip }) => {
  skip(!existsSync(emulated), "no emulated CUDA backend: node scripts/native-test.mjs builds it");
  const folder = mkdtempSync(join(tmpdir(), "outright-cuda-test-"));
  try {
    const out = join(folder, "check.json");
    const check = join(root, "cuda/test/check.mjs");
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [check, "--emulated", "--quick", "--out", out],
      { encoding: "utf8" },
    );
    const { results } = JSON.parse(readFileSync(out, "utf8")) as {
      results: { name: string; status: string }[];
    };
    expect(
      results.filter((result) => result.status !== "passed"),
      `${stdout}${stderr}`,
    ).toEqual([]);
    expect(results.length).toBe(8);
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 300_000);
