/** What two runs of the same config must have in common, bit for bit. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readRows } from "./folder.js";

export interface RunResult {
  /** the lines of metrics.jsonl without times */
  metrics: unknown[];
  /** SHA-256 by file of model/ and adapter/ */
  model: Record<string, string>;
  /** SHA-256 by tensor file of checkpoints/ */
  checkpoints: Record<string, string>;
  /** all names in the run's directory, two levels deep: no lock and no temporary file may be among them */
  names: string[];
}

export function runResult(out: string): RunResult {
  const hash = (path: string) =>
    createHash("sha256")
      .update(readFileSync(join(out, path)))
      .digest("hex");
  const names = readdirSync(out, { recursive: true, encoding: "utf8" }).sort();
  const hashes = (wanted: RegExp) =>
    Object.fromEntries(names.filter((name) => wanted.test(name)).map((name) => [name, hash(name)]));
  return {
    metrics: readRows(join(out, "metrics.jsonl")).map(withoutTimes),
    model: hashes(/^(model|adapter)\/./),
    // state.json holds the time used so far
    checkpoints: hashes(/^checkpoints\/.*\.safetensors$/),
    names,
  };
}

/** What the clock, the threads and the process decide. */
const TIMES = ["seconds", "klSeconds", "cpuSeconds", "threads", "peakTensorBytes", "peakRssBytes"];

function withoutTimes(line: unknown): unknown {
  return JSON.parse(JSON.stringify(line), (key, value: unknown) => (TIMES.includes(key) ? 0 : value));
}
