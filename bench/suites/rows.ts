/** The operations that memory bounds, row by row and element by element: what share of a copy's bandwidth each reaches. */
import type { Operation } from "@outright/tensor";
import { gpuGoals } from "../lib/goals.js";
import { type MeasuredOp, measureOps } from "../lib/measure-ops.js";
import { better, describePeaks, measurePeaks } from "../lib/peaks.js";
import { dataFolder, loadRows } from "../lib/rows.js";
import { SHAPES } from "../lib/shapes.js";
import { summarise } from "../lib/stats.js";
import { Report, type Suite } from "../lib/suite.js";

const ROW_OPERATIONS: ReadonlySet<string> = new Set<Operation>([
  "embedding",
  "embeddingBackward",
  "rmsNorm",
  "rmsNormBackward",
  "layerNorm",
  "layerNormBackward",
  "rotary",
  "siluGate",
  "siluGateBackward",
  "gelu",
  "geluBackward",
  "add",
  "scale",
  "dropout",
  "gatherRows",
  "gatherRowsBackward",
  "globalNorm",
  "adamW",
  "adamWClipped",
  "fill",
  "copy",
]);

export const rowsSuite: Suite = async ({ options, say }) => {
  const report = new Report("rows", say);
  const before = measurePeaks(options);
  const all: MeasuredOp[] = [];
  for (const shape of options.shapes) {
    const rows = await loadRows(12 * options.batch, dataFolder(options.data), SHAPES[shape].vocab_size);
    for (const dtype of options.dtypes) {
      const work = { shape: SHAPES[shape], rows, dtype, label: `${shape} ${dtype}` };
      const wanted = { tokens: options.tokens, wanted: ROW_OPERATIONS };
      all.push(...measureOps({ ...work, ...wanted }, options, report));
      say(`${work.label}: measured`);
    }
  }
  const peaks = better(before, measurePeaks(options));
  const { rowsPercent } = gpuGoals(options);
  for (const { name, seconds, bytes } of all) {
    const share = summarise(seconds.map((time) => (100 * bytes) / time / peaks.bytes));
    report.add({
      name,
      unit: "% of a copy's bandwidth",
      better: "higher",
      value: share,
      ...(rowsPercent === undefined ? {} : { goal: rowsPercent }),
      facts: {
        ms: 1000 * summarise(seconds).median,
        "GB/s": (share.median * peaks.bytes) / 1e11,
        MiB: bytes / 2 ** 20,
      },
    });
  }
  report.about = [
    `Calls at the shapes of a step on ${options.tokens} tokens. Bytes are the least that an operation must read and write (costs.ts); where they`,
    "fit into a cache the share says little.",
    describePeaks(peaks),
  ].join(" ");
  return report.finish();
};
