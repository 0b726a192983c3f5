/** Every native operation at the shapes of a training step, held against the machine's peaks of the same run. */
import { Device, Profile } from "@outright/tensor";
import { type OpCase, opCases } from "../lib/op-cases.js";
import { better, describePeaks, measurePeaks } from "../lib/peaks.js";
import { rateFacts } from "../lib/rates.js";
import { dataFolder, loadRows } from "../lib/rows.js";
import { SHAPES } from "../lib/shapes.js";
import { summarise } from "../lib/stats.js";
import { Report, type Suite } from "../lib/suite.js";

interface Measured extends OpCase {
  name: string;
  seconds: number[];
  flops: number;
  bytes: number;
}

export const opsSuite: Suite = async ({ options, say }) => {
  const report = new Report("ops", say);
  const { threads, steps } = options;
  const before = measurePeaks(options);
  const all: { dtype: "float32" | "bfloat16"; measured: Measured[] }[] = [];
  for (const shape of options.shapes) {
    const rows = await loadRows(96, dataFolder(options.data), SHAPES[shape].vocab_size);
    for (const dtype of options.dtypes) {
      const profile = new Profile();
      using device = Device.open({ threads }, profile.wrap);
      let cases: OpCase[];
      try {
        cases = opCases(device.native, SHAPES[shape], rows, dtype);
      } catch (error) {
        report.skip(`${shape} ${dtype}`, (error as Error).message);
        continue;
      }
      const measured: Measured[] = [];
      for (const one of cases) {
        const name = `${shape} ${dtype} ${one.operation} ${one.where}`;
        try {
          one.run(device.native); // the first call is not timed
          measured.push({ ...one, name, seconds: [], flops: 0, bytes: 0 });
        } catch (error) {
          report.skip(name, (error as Error).message);
        }
      }
      // Operations take turns, so that a disturbance does not fall on one alone.
      for (let i = 0; i < steps; i++) {
        for (const one of measured) {
          profile.reset();
          one.run(device.native);
          const [call] = profile.totals();
          if (call === undefined) throw new Error(`${one.name} made no native call`);
          one.seconds.push(call.seconds);
          one.flops = call.flops;
          one.bytes = call.bytes;
        }
      }
      say(`${shape} ${dtype}: ${measured.length} operations`);
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
    "Single calls at the shapes of a step on eight alpaca rows. Operations and bytes are the least that an operation needs",
    "(packages/tensor/src/profile/costs.ts), so small buffers that stay in the caches may exceed the copy's rate.",
    describePeaks(peaks),
  ].join(" ");
  return report.finish();
};
