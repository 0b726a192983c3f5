import type { Device } from "@outright/tensor";

/** How many tokens a micro-batch may hold where the config says "auto": a GPU wants more at once to be busy. */
const AUTO_TOKENS = { processor: 2048, gpu: 8192 };

export function microBatchTokens(setting: number | "auto", device: Pick<Device, "info">): number {
  if (setting !== "auto") return setting;
  return device.info.kind === "cpu" ? AUTO_TOKENS.processor : AUTO_TOKENS.gpu;
}
