/** What each policy costs beyond Sequential, at equal tokens. */
import type { PolicyConfig } from "@outright/policies";
import { openDevice } from "@outright/trainer";
import { OverheadPair, type PairStep } from "../lib/overhead-pair.js";
import type { Entry } from "../lib/results.js";
import { dataFolder, loadRows } from "../lib/rows.js";
import { SHAPES } from "../lib/shapes.js";
import { median, quantile, single } from "../lib/stats.js";
import { Report, type Suite } from "../lib/suite.js";

const BATCH = 8;

/** Policies, and the share by which they may be slower. */
const POLICIES: readonly { name: string; policy: PolicyConfig; atMost?: number }[] = [
  { name: "ALRIGHT", policy: { name: "alright", lambda: 0.5 }, atMost: 1 },
  { name: "Mix", policy: { name: "mix", lambda: 0.5 } },
  { name: "MAXRIGHT K=1", policy: { name: "maxright", lambda: 0.5, every: 1 } },
  { name: "MAXRIGHT K=10", policy: { name: "maxright", lambda: 0.5, every: 10 }, atMost: 8 },
  { name: "MAXRIGHT K=100", policy: { name: "maxright", lambda: 0.5, every: 100 } },
  { name: "MAXRIGHT free gaps", policy: { name: "maxright", lambda: 0.5, gaps: "smoothed" }, atMost: 1 },
];

export const overheadSuite: Suite = async ({ options, say }) => {
  const report = new Report("overhead", say);
  const steps = 10 * options.steps;
  for (const shape of options.shapes) {
    const rows = await loadRows(96, dataFolder(options.data), SHAPES[shape].vocab_size);
    report.about = [
      `${steps} training steps on ${BATCH} examples or pairs (λ = 0.5, float32), as \`train\` makes them. Each policy has a twin of the same weights that trains,`,
      "in turns with it, the same objective on the same rows in each step, as a stage of Sequential does; for Mix the twin makes one step of each objective.",
      "Overhead: the policy's time over the twin's, less 1; medians of the step-wise ratio, apart for steps with and without extra forward",
      `passes, weighted by the twin's time in them. f* are set so that both gaps start alike. Rows: ${rows.source}.`,
    ].join(" ");
    using device = openDevice(options);
    const settings = { device, shape: SHAPES[shape], rows, batch: BATCH, steps };
    const pairs = POLICIES.map((one) => ({
      ...one,
      pair: new OverheadPair(settings, one.policy),
      done: [] as PairStep[],
    }));
    for (let step = 1; step <= steps; step++) {
      for (const { pair, done } of pairs) done.push(pair.step(step));
      if (step % 10 === 0) say(`${shape}: ${step} of ${steps} steps`);
    }
    for (const { name, pair, done, atMost } of pairs) {
      report.add(overheadEntry(`${shape} ${name}`, done, atMost));
      pair.close();
    }
  }
  return report.finish();
};

/** The first step warms up and has no part in ratios, but its extra passes count. */
export function overheadEntry(name: string, steps: readonly PairStep[], atMost?: number): Entry {
  const groups = [steps.filter(({ probes }) => probes > 0), steps.filter(({ probes }) => probes === 0)];
  const ratio = ({ seconds, twinSeconds }: PairStep) => seconds / twinSeconds;
  const time = (list: readonly PairStep[]) => list.reduce((sum, { twinSeconds }) => sum + twinSeconds, 0);
  const all = time(steps);
  const ratios = groups.map((group) => (group.length === 0 ? 1 : median(group.map(ratio))));
  const overhead = groups.reduce(
    (sum, group, i) => sum + (time(group) / all) * ((ratios[i] as number) - 1),
    0,
  );
  const total = steps.reduce((sum, { seconds }) => sum + seconds, 0) / all - 1;
  const plain = groups[1] as PairStep[];
  const scatter = plain.length === 0 ? [] : plain.map(ratio);
  return {
    name,
    unit: "% over Sequential",
    better: "lower",
    value: single(100 * overhead),
    ...(atMost === undefined ? {} : { goal: { atMost } }),
    facts: {
      "by total time, %": 100 * total,
      "steps with extra passes": (groups[0] as PairStep[]).length,
      "extra in those, %": 100 * ((ratios[0] as number) - 1),
      "extra in the others, %": 100 * ((ratios[1] as number) - 1),
      ...(scatter.length > 0
        ? { "quartiles of the others apart, %": 100 * (quantile(scatter, 0.75) - quantile(scatter, 0.25)) }
        : {}),
    },
  };
}
