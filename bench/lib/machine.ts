/** On what a benchmark ran: without it a number means nothing. */
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { instructionSets } from "@outright/tensor";
import { openDevice } from "@outright/trainer";
import type { BenchOptions } from "./options.js";

export interface Machine {
  processor: string;
  /** logical processors this process may use */
  processors: number;
  memoryBytes: number;
  instructionSets: string[];
  backend: string;
  /** the GPU with its driver; absent where the processor computes */
  gpu?: string;
  matmul: string;
  threads: number;
  node: string;
  system: string;
  /** average number of processes that wanted to run in the minute before: above 0.5 the machine was not quiet */
  loadBefore: number;
}

export function describeMachine(options: Pick<BenchOptions, "device" | "threads">): Machine {
  using device = openDevice(options);
  const { backend, kind, hardware, matmul, threads: used } = device.info;
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    instructionSets: instructionSets(),
    backend,
    ...(kind === "cpu" ? {} : { gpu: hardware }),
    matmul,
    threads: used,
    node: process.version,
    system: `${type()} ${release()} ${process.arch}`,
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** One line for people. */
export function machineLine(machine: Machine): string {
  const { processor, processors, backend, gpu, matmul, threads, node, loadBefore } = machine;
  const on = gpu === undefined ? backend : `${backend}, ${gpu}`;
  return `${processor}, ${processors} processors, ${threads} threads; ${on}, ${matmul}; node ${node}; load before ${loadBefore.toFixed(1)}`;
}

/** The commit measured, "+" where the tree held changes; "unknown" outside a clone. */
export function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, {
      encoding: "utf8",
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "ignore"],
    });
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!results").trim() !== "";
    return `${git("rev-parse", "--short", "HEAD").trim()}${changed ? "+" : ""}`;
  } catch {
    return "unknown";
  }
}
