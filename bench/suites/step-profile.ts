/** Where the time of a training step goes, operation by operation, and how near each is to the machine's peaks. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type OperationTotals, Profile } from "@outright/tensor";
import { writeModel } from "../lib/model-directory.js";
import type { Dtype } from "../lib/options.js";
import { better, describePeaks, measurePeaks, type Peaks } from "../lib/peaks.js";
import { rateFacts } from "../lib/rates.js";
import { dataFolder, loadRows, toFile } from "../lib/rows.js";
import { SHAPES } from "../lib/shapes.js";
import { WARM_UP } from "../lib/side.js";
import { single } from "../lib/stats.js";
import { stepEngine } from "../lib/step-engine.js";
import { Report, type Suite } from "../lib/suite.js";
import { withTemporaryFolder } from "../lib/temporary.js";

export const stepProfile: Suite = async ({ options, say }) => {
  const report = new Report("step-profile", say);
  const { batch, device, threads, tokens, steps } = options;
  const before = measurePeaks(options);
  const measured: (() => void)[] = [];
  let peaks = before;
  for (const shape of options.shapes) {
    const rows = await loadRows(96, dataFolder(options.data), SHAPES[shape].vocab_size);
    await withTemporaryFolder(async (folder) => {
      const model = join(folder, "model");
      writeModel(shape, model);
      writeFileSync(join(folder, "rows.json"), JSON.stringify(toFile(rows)));
      for (const kind of options.kinds) {
        for (const dtype of options.dtypes) {
          const name = `${shape} ${kind} ${dtype}`;
          const profile = new Profile();
          const work = {
            kind,
            dtype,
            model,
            batch,
            device,
            threads,
            tokens,
            beta: 0.1,
            lr: 1e-5,
            lora: null,
          };
          try {
            const engine = stepEngine({ ...work, rows: join(folder, "rows.json") }, rows, profile.wrap);
            for (let i = 0; i < WARM_UP; i++) engine.step(i);
            profile.reset();
            const begun = performance.now();
            for (let i = 0; i < steps; i++) engine.step(WARM_UP + i);
            const seconds = (performance.now() - begun) / 1000;
            const totals = profile.totals();
            engine.close();
            measured.push(() => addProfile(report, name, totals, seconds, steps, peaks, dtype));
            say(`${name}: ${((1000 * seconds) / steps).toFixed(0)} ms a step`);
          } catch (error) {
            if (dtype === options.dtypes[0]) throw error;
            report.skip(name, (error as Error).message);
          }
        }
      }
    });
  }
  peaks = better(before, measurePeaks(options));
  for (const add of measured) add();
  report.about = [
    `Native calls of ${steps} training steps on ${batch} examples and/or pairs, per step. Operations and bytes are the least that an operation`,
    "needs (packages/tensor/src/profile/costs.ts); rates are those by the time it took. The rest is time outside native calls.",
    describePeaks(peaks),
  ].join(" ");
  return report.finish();
};

function addProfile(
  report: Report,
  name: string,
  totals: readonly OperationTotals[],
  seconds: number,
  steps: number,
  peaks: Peaks,
  dtype: Dtype,
): void {
  const inside = totals.reduce((sum, operation) => sum + operation.seconds, 0);
  const rest = { operation: "the rest", calls: 0, seconds: seconds - inside, flops: 0, bytes: 0 };
  const flops = totals.reduce((sum, operation) => sum + operation.flops, 0);
  const all = { operation: "a whole step", calls: 0, seconds, flops, bytes: 0 };
  for (const operation of [...totals, rest, all]) {
    report.add({
      name: `${name} ${operation.operation}`,
      unit: "ms/step",
      better: "lower",
      value: single((1000 * operation.seconds) / steps),
      facts: {
        "share, %": (100 * operation.seconds) / seconds,
        ...(operation.calls > 0 ? { "calls/step": operation.calls / steps } : {}),
        ...rateFacts(operation, peaks, dtype),
      },
    });
  }
}
