/** What a run was made with, for `environment.json`. */
import { arch, cpus, platform, release, totalmem } from "node:os";
import type { ModelChain } from "@outright/checkpoint";
import type { Device } from "@outright/tensor";

/** @param identity names the weights that the run started from */
export function environment(device: Device, chain: ModelChain, identity: string): Record<string, unknown> {
  return {
    model: {
      base: chain.base,
      adapters: chain.adapters.map(({ dir, hash }) => ({ dir, hash })),
      hash: identity,
    },
    node: process.version,
    platform: `${platform()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    device: device.info,
    started: new Date().toISOString(),
  };
}
