/** `outright sweep` */
import { loadSweep, type PlannedRun, planRuns, runSweep, type SweepConfig } from "@outright/sweep";
import { UsageError } from "../errors.js";
import { formatWhole } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";
import { sweepTable } from "../terminal/sweep-table.js";
import { SweepView } from "../terminal/sweep-view.js";
import { wrap } from "../terminal/wrap.js";
import { writeTemplate } from "./init.js";
import { onStopSignals } from "./signals.js";
import { SWEEP_TEMPLATE } from "./sweep-template.js";

export interface SweepFlags {
  init?: string | true;
  dryRun?: boolean;
  json?: boolean;
}

/** @returns the exit code: 0, 1 where runs failed, or 128 + the signal's number where it was stopped */
export async function sweepCommand(
  configPath: string | undefined,
  flags: SweepFlags,
  overrides: Record<string, string>,
  output: Output,
): Promise<number> {
  if (flags.init !== undefined) return writeConfig(flags.init === true ? "sweep.yaml" : flags.init, output);
  if (configPath === undefined)
    throw new UsageError("sweep needs a config file (`outright sweep --init` writes one)", "sweep");
  const sweep = loadSweep(configPath, { overrides });
  if (flags.dryRun === true) return listRuns(sweep, flags.json === true, output);
  const view = new SweepView(output, flags.json === true);
  const abort = new AbortController();
  const signals = onStopSignals((name) => {
    view.stopping(name);
    abort.abort();
  });
  try {
    const result = await runSweep(sweep, { onEvent: view.show, signal: abort.signal });
    view.clear();
    const { summary, paths } = result;
    if (summary !== null) {
      view.json({ type: "summary", summary });
      view.keep(`\n${sweepTable(summary)}\n`);
      if (result.reason === "finished") {
        const width = Math.min(output.width(), 100);
        for (const line of summary.answer) view.keep(wrap(line, width, "", "  "));
      }
    }
    if (result.reason === "stopped") {
      view.keep(`stopped; the same command goes on in ${sweep.out}`);
      return signals.exitCode();
    }
    const report = await writeReport(sweep.out, view);
    const files = [
      ["table", paths.csv],
      ["all numbers", paths.results],
      ["summary", paths.summary],
      ...(report === null ? [] : [["report", report]]),
    ];
    view.keep(`\n${files.map(([name = "", path = ""]) => `  ${name.padEnd(12)} ${path}`).join("\n")}`);
    if (result.failed > 0) {
      const failed = result.rows.filter((row) => row.status === "failed");
      for (const row of failed)
        output.err(`failed: ${row.id}: ${row.status === "failed" ? row.error : ""}\n`);
      output.err(`${result.failed} runs failed; the same command tries them again\n`);
      return 1;
    }
    return 0;
  } finally {
    signals.dispose();
    view.clear();
  }
}

/** The numbers are written: a report that fails is worth a warning, no more. */
async function writeReport(out: string, view: SweepView): Promise<string | null> {
  try {
    // loaded only now: charts take longer to load than a sweep to start
    const { renderSweepReport } = await import("@outright/report");
    const { path, warnings } = await renderSweepReport({ dir: out });
    for (const warning of warnings) view.warn(warning);
    return path;
  } catch (error) {
    view.warn(`no report was written: ${(error as Error).message}`);
    return null;
  }
}

function listRuns(sweep: SweepConfig, isJson: boolean, output: Output): number {
  const plan = planRuns(sweep);
  if (isJson) {
    for (const { config: _, ...run } of plan) output.out(`${JSON.stringify(run)}\n`);
    return 0;
  }
  const width = Math.max(...plan.map(({ id }) => id.length));
  output.out(plan.map((run) => `${run.id.padEnd(width)}  ${described(run)}`.trimEnd()).join("\n"));
  const [budget = "", amount = 0] = Object.entries(sweep.budget)[0] ?? [];
  output.out(
    `\n${formatWhole(plan.length)} runs of ${formatWhole(amount as number)} ${budget} each, in ${sweep.out}; nothing was written\n`,
  );
  return 0;
}

function described({ label, lambda, seed, parts }: PlannedRun): string {
  const weight = lambda === null ? "" : `, λ = ${lambda}`;
  const training = parts === undefined ? "" : `, of ${parts.map(({ id }) => id).join(" and ")}`;
  return `${label}${weight}, seed ${seed}${training}`;
}

function writeConfig(path: string, output: Output): number {
  writeTemplate(path, SWEEP_TEMPLATE);
  output.out(`wrote ${path}; check it with: outright sweep ${path} --dry-run\n`);
  return 0;
}
