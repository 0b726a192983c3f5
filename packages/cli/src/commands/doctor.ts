/** `outright doctor`: what hardware was found, which backend is used, and why. */
import { availableParallelism, cpus, freemem, release, totalmem, type } from "node:os";
import { type BackendInfo, Device, type DeviceInfo, instructionSets, listBackends } from "@outright/tensor";
import { formatBytes } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";
import { version } from "../version.js";

export interface Findings {
  outright: string;
  node: string;
  system: string;
  processor: string;
  instructionSets: string[];
  /** logical processors this process may use */
  processors: number;
  memory: { totalBytes: number; freeBytes: number; limitBytes: number | null };
  backends: BackendInfo[];
  /** what device: auto takes here */
  chosen: DeviceInfo | null;
  /** why there is none */
  problem: string | null;
}

/** @returns exit code: 0 where a run could start, else 1 */
export function doctorCommand(flags: { json?: boolean }, output: Output): number {
  const findings = examine();
  output.out(flags.json === true ? `${JSON.stringify(findings, null, 2)}\n` : describe(findings));
  return findings.chosen === null ? 1 : 0;
}

function examine(): Findings {
  const base = {
    outright: version(),
    node: process.versions.node,
    system: `${type()} ${release()} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    instructionSets: instructionSets(),
    processors: availableParallelism(),
    memory: { totalBytes: totalmem(), freeBytes: freemem(), limitBytes: memoryLimit() },
  };
  let backends: BackendInfo[] = [];
  try {
    backends = listBackends();
    using device = Device.open();
    return { ...base, backends, chosen: device.info, problem: null };
  } catch (error) {
    return { ...base, backends, chosen: null, problem: (error as Error).message };
  }
}

/** The container's limit, where there is one below what the machine has. */
function memoryLimit(): number | null {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : null;
}

function describe(findings: Findings): string {
  const { memory, backends, chosen } = findings;
  const limit = memory.limitBytes === null ? "" : `, this process may use ${formatBytes(memory.limitBytes)}`;
  const lines = [
    `outright      ${findings.outright}, node ${findings.node}, ${findings.system}`,
    `processor     ${findings.processor}, ${findings.processors} logical processors`,
    `instructions  ${findings.instructionSets.join(" ") || "unknown"}`,
    `memory        ${formatBytes(memory.totalBytes)}, ${formatBytes(memory.freeBytes)} free${limit}`,
    "",
    "backends, by score (0 = cannot run here)",
    ...[...backends].sort((a, b) => b.score - a.score).flatMap((backend) => backendLines(backend, chosen)),
  ];
  if (chosen === null) lines.push("", `no backend can be used: ${findings.problem}`);
  else {
    lines.push(
      "",
      `device: auto takes ${chosen.backend}, which has the highest score`,
      `  hardware  ${chosen.hardware}`,
      `  products  ${chosen.matmul}`,
      `  threads   ${chosen.threads}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function backendLines(backend: BackendInfo, chosen: DeviceInfo | null): string[] {
  const mark = backend.name === chosen?.backend ? "*" : " ";
  const reason = backend.reason === "" ? "" : `  ${backend.reason}`;
  return [
    `${mark} ${String(backend.score).padStart(4)}  ${backend.name}${reason}`,
    ...(backend.path === "" ? [] : [`        ${backend.path}`]),
  ];
}
