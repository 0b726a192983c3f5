/** Peak memory of training steps by dtype, recomputation and adapters; and a soak, to see that nothing grows. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeModel } from "../lib/model-directory.js";
import type { Work } from "../lib/participant.js";
import { dataFolder, loadRows, toFile } from "../lib/rows.js";
import { loraTargets, SHAPES, type ShapeName } from "../lib/shapes.js";
import { ourSide } from "../lib/side.js";
import type { SoakResult } from "../lib/soak.js";
import { single } from "../lib/stats.js";
import { type Context, Report, type Suite } from "../lib/suite.js";
import { withTemporaryFolder } from "../lib/temporary.js";

const MIB = 2 ** 20;
const STEPS = 4;
/** soak steps for each of `--steps`: 2,000 with its default */
const SOAK = 200;

export const memorySuite: Suite = async (context) => {
  const { options, say } = context;
  const report = new Report("memory", say);
  report.about = [
    `Peak resident memory of a process that makes ${STEPS} steps on ${options.batch} examples and/or pairs and nothing else, and of the engine's tensors in it.`,
    `Soak: ${SOAK * options.steps} Mix steps of a tiny model in a process of its own; growth is over the second half of them.`,
  ].join(" ");
  for (const shape of options.shapes) {
    const rows = await loadRows(96, dataFolder(options.data), SHAPES[shape].vocab_size);
    await withTemporaryFolder(async (folder) => {
      const model = join(folder, "model");
      writeModel(shape, model);
      writeFileSync(join(folder, "rows.json"), JSON.stringify(toFile(rows)));
      for (const kind of options.kinds) {
        for (const dtype of options.dtypes) {
          for (const [how, settings] of variants(options.lora, shape)) {
            const name = `${shape} ${kind} ${dtype}${how}`;
            await measure(report, name, {
              ...{
                kind,
                dtype,
                model,
                rows: join(folder, "rows.json"),
                batch: options.batch,
                beta: 0.1,
                lr: 1e-5,
              },
              ...{ threads: options.threads, device: options.device, tokens: options.tokens, ...settings },
            });
          }
        }
      }
    });
    say(`${shape}: measured`);
  }
  for (const dtype of options.dtypes) await soakEntries(context, report, dtype);
  return report.finish();
};

function variants(lora: number, shape: ShapeName): [string, Pick<Work, "lora" | "recompute">][] {
  const rank = lora > 0 ? lora : 8;
  return [
    ["", { lora: null }],
    [", recompute: attention", { lora: null, recompute: "attention" }],
    [", recompute: block", { lora: null, recompute: "block" }],
    [`, LoRA rank ${rank}`, { lora: { rank, alpha: rank, targets: loraTargets(shape) } }],
  ];
}

async function measure(report: Report, name: string, work: Work): Promise<void> {
  const side = ourSide(work);
  try {
    await side.start();
    for (let i = 0; i < STEPS; i++) await side.step(i);
    const { peakRssBytes, tensorPeakBytes = 0, workspaceBytes = 0 } = await side.participant.end();
    report.add({
      name,
      unit: "MiB resident at most",
      better: "lower",
      value: single(peakRssBytes / MIB),
      facts: { "tensors at most, MiB": tensorPeakBytes / MIB, "workspace, MiB": workspaceBytes / MIB },
    });
  } catch (error) {
    if (work.dtype === "float32" && work.lora === null && work.recompute === undefined) throw error;
    report.skip(name, (error as Error).message);
  } finally {
    side.participant.kill();
  }
}

async function soakEntries({ options }: Context, report: Report, dtype: string): Promise<void> {
  const steps = SOAK * options.steps;
  const worker = join(import.meta.dirname, "../workers/soak.js");
  let result: SoakResult;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [
      worker,
      String(steps),
      dtype,
      options.device,
    ]);
    result = JSON.parse(stdout) as SoakResult;
  } catch (error) {
    if (dtype === "float32") throw error;
    const told = /Error: (.*)/.exec((error as { stderr?: string }).stderr ?? "")?.[1];
    report.skip(`soak ${dtype}`, told ?? (error as Error).message);
    return;
  }
  const facts = { steps, "device memory, MiB": result.deviceBytes / MIB };
  const add = (name: string, share: number, atMost: number) =>
    report.add({
      name: `soak ${dtype}, ${name}`,
      unit: "%",
      better: "lower",
      value: single(100 * share),
      goal: { atMost },
      facts,
    });
  add("growth of device memory", result.deviceGrowth, 1);
  add("growth of resident memory", result.rssGrowth, 1);
  add("slowdown", result.slowdown, 5);
}
