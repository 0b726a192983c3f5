import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "./command.js";

const MODEL = fileURLToPath(new URL("../../../test/goldens/models/llama-nano", import.meta.url));

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outright-plan-"));
  const rows = Array.from({ length: 40 }, (_, n) => ({ prompt: `count ${n}`, response: `${n} ${n + 1}` }));
  writeFileSync(join(folder, "sft.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  path = join(folder, "run.json");
  const sft = { kind: "sft", data: join(folder, "sft.jsonl"), format: "prompt-response", batch: 8 };
  writeFileSync(
    path,
    JSON.stringify({
      model: MODEL,
      out: join(folder, "runs/a"),
      steps: 100,
      maxLength: 128,
      objectives: { sft },
    }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("tells memory by part, time by part, and what saves memory; writes nothing", async () => {
  const before = readdirSync(folder).sort();
  const { code, stdout, stderr } = await run(["plan", path]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const line of [
    /^\d+k parameters of llama-nano in float32; recompute none, tokensPerMicroBatch auto$/m,
    /^memory at its peak$/m,
    /^ {2}weights +0\.6 MiB/m,
    /^ {2}moments +1\.2 MiB/m,
    /^ {2}activations kept for the backward pass +[\d.]+ MiB/m,
    /^ {2}in all +\d+ MiB {2}100 %$/m,
    /^time of a mean step, [\d.k]+ tokens$/m,
    /^ {2}linear layers, backward +[\d.]+ ms/m,
    /^ {2}100 steps with their evaluations: /m,
    /^ {2}--recompute (attention|block) +saves [\d.]+ MiB /m,
  ]) {
    expect(stdout).toMatch(line);
  }
  expect(readdirSync(folder).sort()).toEqual(before);
  expect(existsSync(join(folder, "runs"))).toBe(false);
});

it("says the same as JSON, and takes any key of the config", async () => {
  const { code, stdout } = await run(["plan", path, "--json", "--recompute", "block"]);
  expect(code).toBe(0);
  const plan = JSON.parse(stdout);
  expect(plan.type).toBe("plan");
  const sum = (parts: { value: number }[]) => parts.reduce((total, { value }) => total + value, 0);
  expect(sum(plan.memory.parts) / plan.memory.processBytes).toBeCloseTo(1, 2);
  expect(sum(plan.time.parts)).toBeCloseTo(plan.time.stepSeconds, 9);
  expect(plan.savings.map(({ setting }: { setting: string }) => setting)).not.toContain("--recompute block");
});

it("the dry run tells it in a line; so does a run, with what was measured at its end", async () => {
  const forecast =
    /^forecast: \d+ MiB of memory, [\d.]+ MiB of it in tensors; [\d.]+ m?s a step, .* for 100 steps$/m;
  expect((await run(["train", path, "--dry-run"])).stdout).toMatch(forecast);
  const { stdout } = await run(["train", path]);
  expect(stdout).toMatch(forecast);
  expect(stdout).toMatch(
    /^measured: \d+ MiB \(forecast \d+ MiB\) of memory, [\d.]+ MiB \(forecast [\d.]+ MiB\) in tensors; [\d.]+ m?s \(forecast [\d.]+ m?s\) a step$/m,
  );
});
