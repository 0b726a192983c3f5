/** Tokens of a micro-batch. */
import { Device, type DeviceInfo } from "@outright/tensor";
import { microBatchTokens } from "@outright/trainer";
import { expect, it } from "vitest";

it("auto is more on a GPU, a number is that number everywhere", () => {
  using processor = Device.open({ backend: "cpu" });
  const gpu = { info: { ...processor.info, kind: "cuda" } satisfies DeviceInfo };
  expect(microBatchTokens("auto", processor)).toBe(2048);
  expect(microBatchTokens("auto", gpu)).toBe(8192);
  for (const device of [processor, gpu]) expect(microBatchTokens(100, device)).toBe(100);
});
