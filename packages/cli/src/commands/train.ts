/** `outright train` */
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadConfig, type RunConfig, type TrainEvent, type TrainResult } from "@outright/trainer";
import { type Engine, startEngine } from "../engine/host.js";
import { endFinished, finishedSteps, writesModel } from "../engine/resume.js";
import { UsageError } from "../errors.js";
import { formatSeconds, formatWhole } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";
import { ProgressView } from "../terminal/progress.js";
import { dryRun } from "./dry-run.js";
import { onStopSignals } from "./signals.js";

export interface TrainFlags {
  /** true without a value; else a run's directory (or a config file, where the order was swapped) */
  resume?: string | true;
  dryRun?: boolean;
  json?: boolean;
}

/** @returns the exit code: 0, or 128 + the signal's number where it was stopped */
export async function trainCommand(
  configPath: string | undefined,
  flags: TrainFlags,
  overrides: Record<string, string>,
  output: Output,
): Promise<number> {
  const config = loadRun(configPath, flags.resume, overrides);
  const isJson = flags.json === true;
  const view = new ProgressView(output, { steps: config.steps, objectives: Object.keys(config.objectives) });
  const tell = (message: string): void => {
    if (isJson) output.out(`${JSON.stringify({ type: "notice", level: "info", message })}\n`);
    else view.line.keep(message);
  };
  if (flags.dryRun === true) {
    await dryRun(config, isJson, output);
    return 0;
  }

  if (flags.resume !== undefined) {
    const steps = finishedSteps(config);
    if (steps !== undefined) {
      await endFinished(config.out);
      tell(
        `${config.out} is finished: ${formatWhole(steps)} steps, the ${writesModel(config) ? "model" : "adapter"} is in ${join(config.out, writesModel(config) ? "model" : "adapter")}`,
      );
      return 0;
    }
  }

  const show = (event: TrainEvent): void => {
    if (isJson) output.out(`${JSON.stringify(event)}\n`);
    else view.show(event);
    if (event.type === "step") step = event.step;
  };
  let step = 0;
  const engine = startEngine(config, { resume: flags.resume !== undefined, report: true, onEvent: show });
  const stopped = onStopSignals((name) => {
    engine.stop();
    view.line.clear();
    const saving = step > 0 ? `saving step ${step}` : "stopping";
    output.err(`${name}: ${saving}, press again to quit at once\n`);
  });
  const result = await finish(engine, view, stopped.dispose);
  if (!isJson) output.out(closingLines(result));
  return result.reason === "stopped" ? stopped.exitCode() : 0;
}

async function finish(engine: Engine, view: ProgressView, dispose: () => void): Promise<TrainResult> {
  try {
    return await engine.result;
  } finally {
    dispose();
    view.line.clear();
  }
}

/** The config from the file, or from the run that is to be resumed. */
function loadRun(
  configPath: string | undefined,
  resume: string | true | undefined,
  overrides: Record<string, string>,
): RunConfig {
  const isRunDirectory =
    typeof resume === "string" && statSync(resume, { throwIfNoEntry: false })?.isDirectory();
  if (typeof resume === "string" && !isRunDirectory) {
    // `train --resume run.yaml`
    if (configPath === undefined && existsSync(resume)) return loadConfig(resume, { overrides });
    if (configPath === undefined) throw new Error(`--resume: no such run directory: ${resume}`);
  }
  if (configPath === undefined && !isRunDirectory) {
    throw new UsageError(
      "train needs a config file (`outright init` writes one) or --resume with a run's directory",
      "train",
    );
  }
  // a run that was moved goes on where it is now
  const moved = typeof resume === "string" ? { out: resolve(resume) } : {};
  const path = configPath ?? join(resume as string, "config.yaml");
  if (configPath === undefined && !existsSync(path)) {
    throw new Error(`--resume: ${resume as string} holds no config.yaml, so it is no run's directory`);
  }
  return loadConfig(path, { overrides: { ...overrides, ...moved } });
}

function closingLines({ out, reason, step, seconds }: TrainResult): string {
  const kept = ([name, path]: [string, string]): string =>
    existsSync(path) ? `  ${name.padEnd(8)} ${path}\n` : "";
  const files: [string, string][] = [
    ["metrics", join(out, "metrics.jsonl")],
    ["report", join(out, "report.html")],
  ];
  if (reason === "finished") {
    const first = `finished ${formatWhole(step)} steps in ${formatSeconds(seconds)}\n`;
    const weights = ["model", "adapter"].map((name): [string, string] => [name, join(out, name)]);
    return first + [...weights, ...files].map(kept).join("");
  }
  if (step === 0 && !existsSync(join(out, "config.yaml"))) {
    return "stopped before the first step; nothing was saved\n";
  }
  return `stopped after step ${formatWhole(step)}; go on with: outright train --resume ${quoted(out)}\n${files.map(kept).join("")}`;
}

function quoted(path: string): string {
  return /^[\w./~+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
