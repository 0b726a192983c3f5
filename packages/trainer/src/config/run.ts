/** The config as a run's own `config.yaml`, and whether another config may go on with that run. */
import { stringify } from "yaml";
import type { RunConfig } from "./types.js";

/** YAML of a resolved config; parseConfig of it gives the same config again. */
export function stringifyConfig(config: RunConfig): string {
  return stringify(config, { lineWidth: 0 });
}

/** Keys that change no number of a run: where and how often it is kept, on how many threads and in how much memory it is computed. */
const FREE_KEYS = ["out", "threads", "checkpoint", "recompute"];

/** Dotted keys in which two configs differ and that change a run's results; sorted. */
export function resultKeysThatDiffer(a: RunConfig, b: RunConfig): string[] {
  return differences(a, b, "")
    .filter((key) => !FREE_KEYS.includes(key.split(".")[0] as string))
    .sort();
}

function differences(a: unknown, b: unknown, path: string): string[] {
  if (isObject(a) && isObject(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].flatMap((key) => differences(a[key], b[key], path === "" ? key : `${path}.${key}`));
  }
  return Object.is(a, b) ? [] : [path];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
