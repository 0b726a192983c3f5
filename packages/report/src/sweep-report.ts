/** From a sweep's directory to one HTML file, and every figure as SVG, PNG and CSV. */
import { basename, join, resolve } from "node:path";
import type { Figure } from "./figures/figure.js";
import { ablation } from "./figures/sweep/ablation.js";
import { costs } from "./figures/sweep/costs.js";
import { failed } from "./figures/sweep/failed.js";
import { front, frontWhole } from "./figures/sweep/front.js";
import { increase } from "./figures/sweep/increase.js";
import type { SweepInput } from "./figures/sweep/input.js";
import { kl } from "./figures/sweep/kl.js";
import { fallingRuns, sweepLogprobs } from "./figures/sweep/logprobs.js";
import { made } from "./figures/sweep/made.js";
import { answer, numbers } from "./figures/sweep/numbers.js";
import { outcome } from "./figures/sweep/outcome.js";
import { quality } from "./figures/sweep/quality.js";
import { slices } from "./figures/sweep/slices.js";
import { steps } from "./figures/sweep/steps.js";
import { trajectories } from "./figures/sweep/trajectories.js";
import { keyEntry, page } from "./page.js";
import { replaceFile } from "./replace-file.js";
import { type ReportResult, reportResult } from "./report.js";
import { compared } from "./sweep/choose.js";
import { curveLooks } from "./sweep/look.js";
import { readSweep, type Sweep } from "./sweep/read.js";

export interface SweepReportOptions {
  /** the sweep's directory; it may still be going */
  dir: string;
  /** the HTML file to write; default report.html in the sweep's directory */
  out?: string;
  /** directory for the figures' files; default figures/ in the sweep's directory */
  figures?: string;
  title?: string;
}

/** @throws Error, one line: no sweep's directory, no run that has ended, files that are broken or newer */
export async function renderSweepReport(options: SweepReportOptions): Promise<ReportResult> {
  const sweep = await readSweep(options.dir);
  const out = options.out ?? join(options.dir, "report.html");
  const input: SweepInput = { sweep, looks: curveLooks(sweep.summary.curves) };
  const figures: Figure[] = [
    answer(input),
    front(input),
    frontWhole(input),
    trajectories(input),
    outcome(input),
    increase(input),
    quality(input),
    ablation(input),
    steps(input),
    sweepLogprobs(input),
    kl(input),
    slices(input),
    numbers(input),
    costs(input),
    failed(input),
    made(input),
  ].filter((figure) => figure !== undefined);
  const dir = options.figures ?? join(options.dir, "figures");
  const warnings = warningsOf(input);
  const html = page({
    title: options.title ?? `Sweep ${sweep.name}`,
    lead: leadOf(sweep),
    key: compared(sweep.summary).map(({ curve, label }) => keyEntry(label, "", input.looks.get(curve)!)),
    keyLabel: "Methods and how they are drawn",
    warnings,
    figures,
    footer: `Every figure is also in the folder ${basename(resolve(dir))}, as SVG, PNG and CSV.`,
  });
  await replaceFile(out, html);
  return reportResult(out, html, figures, warnings, dir);
}

function leadOf({ summary, runs }: Sweep): string[] {
  const { curves, lambdas, seeds, budget } = summary;
  const many = (n: number, one: string, more = `${one}s`): string => `${n} ${n === 1 ? one : more}`;
  const methods = curves.filter(({ method }) => method !== "single").length;
  const models = [...new Set([...runs.values()].map((run) => run.model).filter(Boolean))];
  const devices = [...new Set([...runs.values()].map((run) => run.device).filter(Boolean))];
  return [
    "Which way of training on all objectives at once ends nearest to what each alone can reach, and what does it cost?",
    [
      `${many(methods, "method")} × ${many(lambdas.length, "λ", "λ")} × ${many(seeds.length, "seed")}`,
      `${budget.amount.toLocaleString("en-US")} ${budget.by} each`,
      models.length === 1 ? `from ${models[0]!.split(/[\\/]/).filter(Boolean).slice(-2).join("/")}` : "",
      devices.length > 0 ? `on ${devices.join(", ")}` : "",
    ]
      .filter(Boolean)
      .join(" · "),
  ];
}

function warningsOf(input: SweepInput): string[] {
  const { sweep } = input;
  const out = sweep.notes.map((note) => `${note}.`);
  const finished = sweep.rows.filter((row) => row.status === "finished").length;
  if (!sweep.isComplete)
    out.push(
      `The sweep has not ended: ${finished} ${finished === 1 ? "run has" : "runs have"} finished${sweep.begun.length > 0 ? `, ${sweep.begun.length} begun` : ""}. The figures show these; intervals and fronts will change.`,
    );
  const failures = sweep.rows.length - finished;
  if (failures > 0)
    out.push(
      `${failures} ${failures === 1 ? "run" : "runs"} failed; the list below says why. No mean holds them.`,
    );
  if (sweep.summary.seeds.length === 1)
    out.push("One seed: there are no intervals, so small differences may be chance.");
  const falling = fallingRuns(input);
  if (falling.length > 0)
    out.push(`The log-prob of chosen answers falls while the margin grows: ${falling.join(", ")}.`);
  return out;
}
