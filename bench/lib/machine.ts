/** On what a benchmark ran: without it a number means nothing. */
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { Device, instructionSets } from "@outright/tensor";

export interface Machine {
  processor: string;
  /** logical processors this process may use */
  processors: number;
  memoryBytes: number;
  instructionSets: string[];
  backend: string;
  matmul: string;
  threads: number;
  node: string;
  system: string;
  /** average number of processes that wanted to run in the minute before: above 0.5 the machine was not quiet */
  loadBefore: number;
}

export function describeMachine(threads: number): Machine {
  using device = Device.open({ threads });
  const { backend, matmul, threads: used } = device.info;
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    instructionSets: instructionSets(),
    backend,
    matmul,
    threads: used,
    node: process.version,
    system: `${type()} ${release()} ${process.arch}`,
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** One line for people. */
export function machineLine(machine: Machine): string {
  const { processor, processors, backend, matmul, threads, node, loadBefore } = machine;
  return `${processor}, ${processors} processors, ${threads} threads; ${backend}, ${matmul}; node ${node}; load before ${loadBefore.toFixed(1)}`;
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
