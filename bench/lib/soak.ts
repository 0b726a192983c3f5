/** Many small steps, to see whether memory or time grows. */
import { join } from "node:path";
import { writeModel } from "./model-directory.js";
import type { Work } from "./participant.js";
import { loadRows } from "./rows.js";
import { SHAPES, type ShapeName } from "./shapes.js";
import { quantile } from "./stats.js";
import { stepEngine } from "./step-engine.js";
import { withTemporaryFolder } from "./temporary.js";

export interface SoakResult {
  steps: number;
  /** of the peaks in each tenth of the second half: largest over smallest, less 1 (rows come round within a tenth) */
  deviceGrowth: number;
  /** live and cached device memory after the last step */
  deviceBytes: number;
  /** resident memory: mean of the last tenth over that of the first tenth of the second half, less 1 */
  rssGrowth: number;
  /** median time of a step in the last quarter over that in the third, less 1 */
  slowdown: number;
  liveBuffers: { first: number; last: number };
}

/** SFT and DPO steps in turn, of all sizes. */
export async function soak(
  steps: number,
  dtype: Work["dtype"] = "float32",
  device = "auto",
  shape: ShapeName = "tiny",
): Promise<SoakResult> {
  return await withTemporaryFolder(async (folder) => {
    const rows = await loadRows(96, undefined, SHAPES[shape].vocab_size);
    const model = join(folder, "model");
    writeModel(shape, model);
    const engine = stepEngine(
      {
        ...{ kind: "mix", dtype, model, rows: "", batch: 4, threads: 0, beta: 0.1, lr: 1e-4, lora: null },
        ...{ device, tokens: 2048 },
      },
      rows,
    );
    const held: number[] = [];
    const buffers: number[] = [];
    const rss: number[] = [];
    const seconds: number[] = [];
    for (let i = 0; i < steps; i++) {
      const begun = performance.now();
      engine.step(i);
      seconds.push((performance.now() - begun) / 1000);
      const { liveBytes, cachedBytes, workspaceBytes, liveBuffers } = engine.device.memory();
      held.push(liveBytes + cachedBytes + workspaceBytes);
      buffers.push(liveBuffers);
      rss.push(process.memoryUsage.rss());
    }
    engine.close();
    return soakResult({ device: held, buffers, rss, seconds });
  });
}

export function soakResult(series: {
  device: readonly number[];
  buffers: readonly number[];
  rss: readonly number[];
  seconds: readonly number[];
}): SoakResult {
  const { device, buffers, rss, seconds } = series;
  const steps = seconds.length;
  const part = (list: readonly number[], from: number, to: number) =>
    list.slice(Math.floor(from * steps), Math.max(Math.floor(from * steps) + 1, Math.floor(to * steps)));
  const mean = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const peaks = Array.from({ length: 10 }, (_, i) => Math.max(...part(device, 0.5 + i / 20, 0.55 + i / 20)));
  return {
    steps,
    deviceGrowth: Math.max(...peaks) / Math.min(...peaks) - 1,
    deviceBytes: device.at(-1) ?? 0,
    rssGrowth: mean(part(rss, 0.9, 1)) / mean(part(rss, 0.5, 0.6)) - 1,
    slowdown: quantile(part(seconds, 0.75, 1), 0.5) / quantile(part(seconds, 0.5, 0.75), 0.5) - 1,
    liveBuffers: { first: buffers[0] ?? 0, last: buffers.at(-1) ?? 0 },
  };
}
