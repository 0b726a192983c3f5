/** From run directories to one HTML file. */
import { shareOptima, status } from "./facts.js";
import type { Figure } from "./figures/figure.js";
import { gaps } from "./figures/gaps.js";
import { logprobs, tell } from "./figures/logprobs.js";
import { losses } from "./figures/losses.js";
import { plane } from "./figures/plane.js";
import { scheduleFigure } from "./figures/schedule.js";
import { settings } from "./figures/settings.js";
import { table } from "./figures/table.js";
import { looks } from "./look.js";
import { page } from "./page.js";
import { replaceFile } from "./replace-file.js";
import { readResults } from "./results.js";
import { nameRuns, type Run, readRun } from "./run.js";
import { logpSeries } from "./series.js";
import { summarize } from "./summary.js";
import { chosenFalls } from "./warnings.js";

export interface ReportOptions {
  /** run directories, in the order they are to be shown */
  runs: string[];
  /** the HTML file to write; its directory is made where it is missing */
  out: string;
  title?: string;
  /** a results.json whose table takes the place of the one made from the runs */
  summary?: string;
}

export interface ReportFigure {
  id: string;
  title: string;
  /** false where the runs had nothing to draw; the page then says why */
  drawn: boolean;
  /** rows of numbers behind it, all embedded as CSV */
  rows: number;
}

export interface ReportResult {
  path: string;
  figures: ReportFigure[];
  /** what the page warns of, one line each */
  warnings: string[];
  bytes: number;
}

/**
 * @throws Error, one line: no runs given, a directory that is no run's, a broken results.json
 */
export async function renderReport(options: ReportOptions): Promise<ReportResult> {
  if (options.runs.length === 0) throw new Error("report: no run directory given; name at least one");
  const results = options.summary === undefined ? undefined : await readResults(options.summary);
  const runs: Run[] = [];
  for (const dir of options.runs) runs.push(await readRun(dir));
  nameRuns(runs);
  shareOptima(runs);

  const input = { runs, looks: looks(runs) };
  const figures: Figure[] = [
    plane(input),
    table(results ?? summarize(runs), input),
    gaps(input),
    losses(input),
    logprobs(input),
    scheduleFigure(input),
    settings(input),
  ];
  const warnings = runs.flatMap(warningsOf);
  const title =
    options.title ??
    (results?.title || (runs.length === 1 ? `Run ${runs[0]!.name}` : `${runs.length} runs compared`));
  const html = page({ title, warnings, figures, ...input });
  await replaceFile(options.out, html);
  return {
    path: options.out,
    figures: figures.map(({ id, title: name, missing, csv }) => ({
      id,
      title: name,
      drawn: missing === undefined,
      rows: csv.rows.length,
    })),
    warnings,
    bytes: Buffer.byteLength(html),
  };
}

function warningsOf(run: Run): string[] {
  const out = run.notes.map((note) => `${run.name}: ${note}.`);
  if (run.end?.reason !== "finished") out.push(`${run.name} is ${status(run)}.`);
  const broken = run.steps.find((row) => Object.values(row.losses).some(Number.isNaN));
  if (broken !== undefined)
    out.push(`${run.name}: the training loss of step ${broken.step} is not a number.`);
  const unmeasured = run.evals.find((row) => Object.values(row.losses).some(Number.isNaN));
  if (unmeasured !== undefined)
    out.push(`${run.name}: the held-out loss after step ${unmeasured.step} is not a number.`);
  const series = logpSeries(run);
  const falls = series === undefined ? undefined : chosenFalls(series);
  if (falls !== undefined) out.push(`${run.name}, chosen falls. ${tell(falls)}`);
  return out;
}
