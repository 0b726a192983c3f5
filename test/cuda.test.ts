/**
 * The CUDA backend without a GPU: what it says of itself, and whole runs on its kernels, which the operation test's build
 * also makes as plain C++ on an emulation of a GPU (cuda/test/emulation).
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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

it("outright bench measures kernels and steps on the emulated backend as on a GPU", ({ skip }) => {
  skip(!existsSync(emulated), "no emulated CUDA backend: node scripts/native-test.mjs builds it");
  const folder = mkdtempSync(join(tmpdir(), "outright-cuda-bench-"));
  try {
    const out = join(folder, "bench.json");
    const outright = join(root, "packages/cli/bin/outright.mjs");
    const small = [
      "--shape",
      "tiny",
      "--dtype",
      "float32",
      "--kind",
      "sft",
      "--steps",
      "1",
      "--tokens",
      "128",
    ];
    const suites = ["head", "attention", "rows", "step"];
    const args = [
      "bench",
      ...suites,
      "--device",
      "cuda",
      ...small,
      "--batch",
      "2",
      "--no-peer",
      "--out",
      out,
    ];
    const env: NodeJS.ProcessEnv = { ...process.env, OUTRIGHT_BACKEND_PATH: dirname(emulated) };
    delete env["OUTRIGHT_TEST_DATA"]; // real ids do not fit the tiny vocabulary
    const { status, stderr } = spawnSync(process.execPath, [outright, ...args], { encoding: "utf8", env });
    expect(status, stderr).toBe(0);
    const file = JSON.parse(readFileSync(out, "utf8")) as {
      machine: { gpu: string };
      suites: { suite: string; entries: { name: string; value: { median: number } }[] }[];
    };
    expect(file.machine.gpu).toMatch(/^emulated on the host, compute capability 9.0/);
    expect(file.suites.map(({ suite }) => suite)).toEqual(suites);
    const entries = new Map(
      file.suites.flatMap((suite) => suite.entries.map(({ name, value }) => [name, value.median] as const)),
    );
    for (const name of [
      "tiny float32 trained, logits computed again, backward",
      "tiny float32 trained, logits kept, memory",
      "tiny float32 packed, backward",
      "tiny sft float32 ours, MFU",
    ])
      expect(entries.get(name), name).toBeGreaterThan(0);
    for (const median of entries.values()) expect(median).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);

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
