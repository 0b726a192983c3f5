/** Every native operation at the shapes of a training step, held against the machine's peaks of the same run. */
import { type MeasuredOp, measureOps } from "../lib/measure-ops.js";
import type { Dtype } from "../lib/options.js";
import { better, describePeaks, measurePeaks } from "../lib/peaks.js";
import { rateFacts } from "../lib/rates.js";
import { dataFolder, loadRows } from "../lib/rows.js";
import { SHAPES } from "../lib/shapes.js";
import { summarise } from "../lib/stats.js";
import { Report, type Suite } from "../lib/suite.js";

export const opsSuite: Suite = async ({ options, say }) => {
  const report = new Report("ops", say);
  const before = measurePeaks(options);
  const all: { dtype: Dtype; measured: MeasuredOp[] }[] = [];
  for (const shape of options.shapes) {
    const rows = await loadRows(12 * options.batch, dataFolder(options.data), SHAPES[shape].vocab_size);
    for (const dtype of options.dtypes) {
      const label = `${shape} ${dtype}`;
      const work = { shape: SHAPES[shape], rows, dtype, label };
      const whole = options.gpu ? { ...work, tokens: options.tokens } : work;
      const measured = measureOps(whole, options, report);
      say(`${label}: ${measured.length} operations`);
      all.push({ dtype, measured });
    }
  }
  const peaks = better(before, measurePeaks(options));
  for (const { dtype, measured } of all) {
    for (const { name, seconds, flops, bytes } of measured) {
      const value = summarise(seconds.map((time) => 1000 * time));
      report.add({
        name,
        unit: "ms",
        better: "lower",
        value,
        facts: rateFacts({ seconds: value.median / 1000, flops, bytes }, peaks, dtype),
      });
    }
  }
  report.about = [
    `Single calls at the shapes of a step on ${options.gpu ? `${options.tokens} tokens of` : "eight"} alpaca rows. Operations and bytes are the least that`,
    "an operation needs (packages/tensor/src/profile/costs.ts), so small buffers that stay in the caches may exceed the copy's rate.",
    describePeaks(peaks),
  ].join(" ");
  return report.finish();
};
