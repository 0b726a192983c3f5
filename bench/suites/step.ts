/**
 * Whole training steps, ours against a careful PyTorch loop: the same weights, rows, batches and updates, in one run,
 * step by step in turn. With TRL's defaults beside them where asked for.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeModel } from "../lib/model-directory.js";
import type { BenchOptions } from "../lib/options.js";
import type { Work } from "../lib/participant.js";
import { findPython, type Python } from "../lib/peer.js";
import { dataFolder, loadRows, type Rows, toFile } from "../lib/rows.js";
import { loraTargets, SHAPES } from "../lib/shapes.js";
import { ourSide, peerSides, type Side, trlSide, WARM_UP } from "../lib/side.js";
import { addStepEntries, BATCHES, label, type Measured, peakOf } from "../lib/step-entries.js";
import { type Context, Report, type Suite } from "../lib/suite.js";
import { withTemporaryFolder } from "../lib/temporary.js";
import { stepProfile } from "./step-profile.js";

export const stepSuite: Suite = async (context) => {
  if (context.options.profile) return await stepProfile(context);
  const { options } = context;
  const report = new Report("step", context.say);
  const python = peerPython(context, report);
  const folder = dataFolder(options.data);
  const peak = peakOf(options);
  for (const shape of options.shapes) {
    const rows = await loadRows(BATCHES * options.batch, folder, SHAPES[shape].vocab_size);
    report.about = `${about(rows, options)} ${peak?.about ?? ""}`.trim();
    await withTemporaryFolder(async (work) => {
      const model = join(work, "model");
      writeModel(shape, model);
      writeFileSync(join(work, "rows.json"), JSON.stringify(toFile(rows)));
      for (const kind of options.kinds) {
        await measure(
          { context, report, shape, rows, python, peak },
          {
            ...{ kind, dtype: "float32", model, rows: join(work, "rows.json"), lora: null },
            ...{ batch: options.batch, device: options.device, tokens: options.tokens },
            ...{ threads: options.threads, beta: 0.1, lr: 1e-5 },
          },
        );
      }
    });
  }
  return report.finish();
};

const about = (rows: Rows, { batch, gpu, tokens }: BenchOptions) =>
  [
    `A step is forward, backward, gradient norm, clip and AdamW on ${batch} examples, ${batch} pairs, or both (mix, λ = 0.5).`,
    "A useful token is one that is not padding, each answer counted with its prompt, for every side alike.",
    `Reference log-probs are cached on every side. Rows: ${rows.source}.`,
    gpu
      ? "Sides run one after the other; a ratio is the median over steps of two sides' rates on the same batch."
      : "Sides take turns step by step; a ratio is the median over steps of two sides' rates on the same batch.",
    gpu
      ? `Ours takes at most ${tokens} tokens in one pass, and keeps up to 2 GiB of logits. Device memory is the largest sum of tensors and workspace of each side.`
      : "Peak RSS is of a process that does this work alone. Where PyTorch is fastest with the batch cut into smaller passes, memory is compared with its fastest that does the same as ours, all examples in one pass, and with the other in a line of its own.",
  ].join(" ");

/** A Python with PyTorch; null, told as skipped, where none was named and none is found. */
function peerPython({ options }: Context, report: Report): Python | null {
  if (options.peer === "none") return null;
  try {
    return findPython(options.python);
  } catch (error) {
    if (options.peer === "required" || options.python !== undefined) throw error;
    report.skip("PyTorch", (error as Error).message);
    return null;
  }
}

interface Setting extends Measured {
  context: Context;
  report: Report;
  python: Python | null;
}

/** One shape and kind of step: all sides, in turns. */
async function measure(setting: Setting, base: Work): Promise<void> {
  const { context, report, shape, python } = setting;
  const { options, say } = context;
  const sides: Side[] = [];
  const onePassRss = new Map<Side, number>();
  const join = async (side: Side, name: string) => {
    try {
      await side.start();
      if (options.gpu) await finish(side, options.steps);
      sides.push(side);
    } catch (error) {
      side.participant.kill();
      if (side.who === "ours" && side.dtype === options.dtypes[0] && !side.lora && !options.gpu) throw error; // what must work everywhere
      report.skip(`${name} ${side.who}`, (error as Error).message);
    }
  };
  try {
    for (const lora of options.lora > 0 ? [0, options.lora] : [0]) {
      for (const dtype of options.dtypes) {
        const adapters = lora > 0 ? { rank: lora, alpha: lora, targets: loraTargets(shape) } : null;
        const work = { ...base, dtype, lora: adapters };
        const name = label(shape, base.kind, work.dtype, lora > 0);
        await join(ourSide(work), name);
        if (python === null) continue;
        const peer = await fastest(peerSides(python, options, work), name, report, context);
        if (peer !== null) {
          sides.push(peer.side);
          if (peer.onePassRss !== null) onePassRss.set(peer.side, peer.onePassRss);
        }
        if (!options.trl || base.kind === "mix" || lora > 0) continue;
        const micro = options.gpu ? { micro: options.micro[0] ?? 0 } : {};
        await join(trlSide(python, { ...work, ...micro }), name);
      }
    }
    for (let step = 0; step < options.steps && !options.gpu; step++) {
      for (const side of sides) await side.step(WARM_UP + step);
      say(`${shape} ${base.kind}: ${step + 1} of ${options.steps} steps`);
    }
    await addStepEntries(report, { ...setting, options }, base.kind, sides, onePassRss);
  } finally {
    for (const { participant } of sides) participant.kill();
  }
}

/** A GPU would not hold all sides at once, and is nobody else's: one does all its steps, then comes the next. */
async function finish(side: Side, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await side.step(WARM_UP + step);
  await side.end();
}

interface Fastest {
  side: Side;
  /** peak memory of the fastest that takes a step's examples in one pass, where `side` is another; else null */
  onePassRss: number | null;
}

/** Starts one after the other; the one with the fastest third step stays, the others end. */
async function fastest(
  candidates: Iterable<[string, Side]>,
  name: string,
  report: Report,
  { options, say }: Context,
): Promise<Fastest | null> {
  const third = (side: Side) => side.seconds[WARM_UP] as number;
  let best: Side | null = null;
  let onePass: { seconds: number; rss: number } | null = null;
  for (const [how, side] of candidates) {
    try {
      await side.start();
      await side.step(WARM_UP);
      if (options.gpu) await finish(side, options.steps);
      say(`${name} PyTorch, ${how}: ${third(side).toFixed(3)} s a step`);
    } catch (error) {
      side.participant.kill();
      report.skip(`${name} PyTorch, ${how}`, (error as Error).message);
      continue;
    }
    const wins: boolean = best === null || third(side) < third(best);
    const leaves = wins ? best : side;
    if (wins) best = side;
    if (leaves === null) continue;
    const { peakRssBytes } = await leaves.end();
    if (leaves.onePass && (onePass === null || third(leaves) < onePass.seconds))
      onePass = { seconds: third(leaves), rss: peakRssBytes };
  }
  return best === null ? null : { side: best, onePassRss: best.onePass ? null : (onePass?.rss ?? null) };
}
