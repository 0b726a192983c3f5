/** `outright plan`: what a run will need, before it begins. */
import { basename } from "node:path";
import {
  duration,
  type Forecast,
  loadConfig,
  mebibytes,
  type Part,
  planRun,
  type RunConfig,
} from "@outright/trainer";
import { formatCount, formatWhole } from "../terminal/format.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";

export interface PlanFlags {
  json?: boolean;
}

export async function planCommand(
  configPath: string,
  flags: PlanFlags,
  overrides: Record<string, string>,
  output: Output,
): Promise<void> {
  const config = loadConfig(configPath, { overrides });
  const isJson = flags.json === true;
  const line = new LiveLine(output);
  const forecast = await planRun(config, (text) => {
    if (!isJson) line.show(text);
  });
  line.clear();
  output.out(isJson ? `${JSON.stringify({ type: "plan", ...forecast })}\n` : planText(config, forecast));
}

/** Tables of memory and time by part with their totals, and what other settings would save. */
export function planText(config: RunConfig, { parameters, memory, time, savings }: Forecast): string {
  const { model, dtype, recompute, tokensPerMicroBatch } = config;
  const rate = time.tokensPerStep / time.stepSeconds;
  const each = Object.entries(time.stepSecondsOf);
  const alone = each.length > 1 ? each.map(([name, s]) => `  a step of ${name} alone: ${duration(s)}\n`) : [];
  const saved = savings.map(({ setting, bytes, seconds }) => [
    setting,
    `saves ${mebibytes(bytes)}`,
    Math.abs(seconds) < 0.005 * time.stepSeconds
      ? "at no cost"
      : `${seconds > 0 ? "costs" : "and"} ${duration(Math.abs(seconds))} ${seconds > 0 ? "" : "less "}a step`,
  ]);
  return [
    `${formatCount(parameters)} parameters of ${basename(model)} in ${dtype}; recompute ${recompute}, tokensPerMicroBatch ${tokensPerMicroBatch}\n`,
    "\nmemory at its peak\n",
    table(memory.parts, mebibytes, memory.processBytes),
    `\ntime of a mean step, ${formatCount(time.tokensPerStep)} tokens\n`,
    table(time.parts, duration, time.stepSeconds),
    ...alone,
    `  ${formatCount(rate)} tokens/s, ${(time.flopsPerStep / time.stepSeconds / 1e9).toFixed(0)} GFLOP/s in matrix products\n`,
    `  ${formatWhole(config.steps)} steps with their evaluations: ${duration(time.totalSeconds)}\n`,
    savings.length === 0 ? "" : `\nless memory\n${columns(saved)}`,
  ].join("");
}

function table(parts: readonly Part[], format: (value: number) => string, total: number): string {
  const rows = parts.map(({ name, value }) => [
    name,
    format(value),
    `${((100 * value) / total).toFixed(0).padStart(3)} %`,
  ]);
  return columns([...rows, ["in all", format(total), "100 %"]]);
}

/** Left-aligned first column, right-aligned second one. */
function columns(rows: readonly string[][]): string {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map(([first = "", second = "", ...rest]) =>
      `  ${first.padEnd(widths[0] ?? 0)}  ${second.padStart(widths[1] ?? 0)}  ${rest.join("  ")}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}
