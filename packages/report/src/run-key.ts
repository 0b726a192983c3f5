/** What a page says of its runs before their figures. */
import { describePolicy, status } from "./facts.js";
import type { Look } from "./look.js";
import { keyEntry } from "./page.js";
import type { Run } from "./run.js";

/** "6 runs · from models/tiny · 812,544 parameters · on cpu" */
export function lead(runs: Run[]): string {
  const models = [...new Set(runs.map((run) => run.model).filter(Boolean))];
  const sizes = [...new Set(runs.map((run) => run.parameters).filter(Number.isFinite))];
  const devices = [...new Set(runs.map((run) => run.device).filter(Boolean))];
  return [
    `${runs.length} ${runs.length === 1 ? "run" : "runs"}`,
    models.length === 1
      ? `from ${models[0]!.split(/[\\/]/).filter(Boolean).slice(-2).join("/")}`
      : models.length > 1
        ? `from ${models.length} models`
        : "",
    sizes.length === 1 ? `${sizes[0]!.toLocaleString("en-US")} parameters` : "",
    devices.length > 0 ? `on ${devices.join(", ")}` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** A run's entry in the key: its policy, and its status where it has not finished. */
export function runEntry(run: Run, look: Look): string {
  const about = [describePolicy(run.policy), run.end?.reason === "finished" ? "" : status(run)]
    .filter(Boolean)
    .join(" · ");
  return keyEntry(run.name, about, look);
}
