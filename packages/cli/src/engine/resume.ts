/** Before a run goes on: is it the same run, and is there anything left to do? */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { RunDirectory } from "@outright/checkpoint";
import { renderReport } from "@outright/report";
import { parseConfig, type RunConfig, resultKeysThatDiffer } from "@outright/trainer";

/**
 * Steps of the run in `config.out` where it is finished; undefined where it can go on, or begin.
 * @throws Error of one line where the run there has a config that gives other results
 */
export function finishedSteps(config: RunConfig): number | undefined {
  const path = join(config.out, "config.yaml");
  if (!existsSync(path)) return undefined;
  const own = parseConfig(readFileSync(path, "utf8"), { path, checkFiles: false });
  const differing = resultKeysThatDiffer(own, config);
  if (differing.length > 0) {
    throw new Error(
      `${config.out} cannot be resumed with another config: ${differing.join(", ")} ${differing.length === 1 ? "differs" : "differ"} from its config.yaml; take them back, or give another out`,
    );
  }
  const end = lastMetricsLine(join(config.out, "metrics.jsonl"));
  // the model (or only the adapter) is written last: killed in between, the run is not finished
  const last = writesModel(config) ? ["model", "config.json"] : ["adapter", "adapter_config.json"];
  const hasModel = existsSync(join(config.out, ...last));
  const isFinished = hasModel && end?.type === "end" && end.reason === "finished";
  return isFinished ? (end.step ?? config.steps) : undefined;
}

/** Whether the run ends with whole weights, and not with an adapter alone. */
export const writesModel = (config: RunConfig): boolean => config.lora?.merge ?? true;

/**
 * Ends a finished run that was killed between its model and its last breath: it still has its lock, and no report or one
 * of an earlier stop.
 */
export async function endFinished(out: string): Promise<void> {
  const report = join(out, "report.html");
  const written = statSync(report, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (written >= statSync(join(out, "metrics.jsonl")).mtimeMs) return;
  RunDirectory.open(out, { resume: true }).close();
  await renderReport({ runs: [out], out: report });
}

/** The last whole line; a line that was cut by a crash counts as no line. */
function lastMetricsLine(path: string): { type?: string; reason?: string; step?: number } | undefined {
  if (!existsSync(path)) return undefined;
  const lines = tail(path, 65536)
    .split("\n")
    .filter((line) => line !== "");
  try {
    return JSON.parse(lines.at(-1) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

function tail(path: string, most: number): string {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, most));
    const read = readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8", 0, read);
  } finally {
    closeSync(file);
  }
}
