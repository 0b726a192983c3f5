/** What a run was made with, for `environment.json`. */
import { arch, cpus, platform, release, totalmem } from "node:os";
import type { Device } from "@outright/tensor";

export function environment(device: Device): Record<string, unknown> {
  return {
    node: process.version,
    platform: `${platform()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    device: device.info,
    started: new Date().toISOString(),
  };
}
