/**
 * Forecasts beside what is then measured: each run is a process of its own that trains a few steps of a model with random
 * weights on rows of realistic lengths, and tells both.
 *
 *   pnpm bench:plan [--steps 6] [--only 14m/sft] [--out bench/results/forecast/plan.json]
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import type { Forecast, Measured } from "@outright/trainer";
import { runObjectives, writeBlankModel, writeRunRows } from "./lib/run-inputs.js";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "6" },
    only: { type: "string", default: "" },
    out: { type: "string" },
  },
});
const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "outright-plan-"));

const SHAPES = ["14m", "70m"] as const;
const TASKS: Record<string, object> = {
  sft: { name: "single", objective: "sft" },
  dpo: { name: "single", objective: "dpo" },
  mix: { name: "mix", lambda: 0.5 },
};
const VARIANTS: Record<string, Record<string, string>> = {
  plain: {},
  "1024 tokens": { tokensPerMicroBatch: "1024" },
  attention: { recompute: "attention" },
  block: { recompute: "block" },
  bfloat16: { dtype: "bfloat16" },
};

interface Row {
  run: string;
  forecast: Forecast;
  measured: Measured;
}

function run(name: string, model: string, policy: object, overrides: Record<string, string>): Row {
  const config = join(folder, "run.json");
  const out = join(folder, "out", name.replaceAll(/\W/g, "-"));
  writeFileSync(
    config,
    JSON.stringify({
      model,
      init: "random",
      out,
      objectives: runObjectives(folder, { sft: 8, dpo: 8 }),
      policy,
      steps: Number(values.steps),
      maxLength: 256,
      truncate: "response-right",
      evaluate: { every: 0, rows: 1, holdout: 0.003 },
    }),
  );
  const args = Object.entries(overrides).flatMap(([key, value]) => [`--${key}`, value]);
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [join(root, "packages/cli/bin/outright.mjs"), "train", config, "--json", ...args],
    { encoding: "utf8", maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw new Error(`${name}: ${stderr}`);
  rmSync(out, { recursive: true, force: true });
  const notices = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { forecast?: Forecast; measured?: Measured });
  const forecast = notices.find((notice) => notice.forecast !== undefined)?.forecast;
  const measured = notices.find((notice) => notice.measured !== undefined)?.measured;
  if (forecast === undefined || measured === undefined)
    throw new Error(`${name}: no forecast or no measurement`);
  return { run: name, forecast, measured };
}

const percent = (forecast: number, measured: number | null) =>
  measured === null
    ? ""
    : `${forecast >= measured ? "+" : ""}${(100 * (forecast / measured - 1)).toFixed(1)} %`;
const MiB = (bytes: number) => Math.round(bytes / 2 ** 20);

function store(path: string): void {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const record = {
    date: new Date().toISOString().slice(0, 10),
    commit,
    command: `pnpm bench:plan --steps ${values.steps} --out ${path}`,
    device:
      rows[0] === undefined
        ? ""
        : JSON.parse(
            execFileSync(
              process.execPath,
              [join(root, "packages/cli/bin/outright.mjs"), "doctor", "--json"],
              { encoding: "utf8" },
            ),
          ),
    runs: rows.map(({ run: name, forecast, measured }) => ({
      run: name,
      deviceBytes: { forecast: forecast.memory.deviceBytes, measured: measured.deviceBytes },
      processBytes: { forecast: forecast.memory.processBytes, measured: measured.processBytes },
      stepSeconds: { forecast: forecast.time.stepSeconds, measured: measured.stepSeconds },
    })),
  };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(record, null, 2)}\n`);
}

const rows: Row[] = [];
try {
  writeRunRows(folder);
  for (const shape of SHAPES) {
    const model = join(folder, shape);
    writeBlankModel(shape, model);
    for (const [task, policy] of Object.entries(TASKS)) {
      for (const [variant, overrides] of Object.entries(VARIANTS)) {
        const name = `${shape}/${task}/${variant}`;
        if (!name.includes(values.only)) continue;
        const row = run(name, model, policy, overrides);
        rows.push(row);
        if (values.out !== undefined) store(values.out); // each time: many runs take long
        const { forecast, measured } = row;
        console.log(
          `${name}: tensors ${MiB(measured.deviceBytes)} MiB (forecast ${percent(forecast.memory.deviceBytes, measured.deviceBytes)}), process ${MiB(measured.processBytes)} MiB (${percent(forecast.memory.processBytes, measured.processBytes)}), step ${measured.stepSeconds?.toFixed(2)} s (${percent(forecast.time.stepSeconds, measured.stepSeconds)})`,
        );
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
