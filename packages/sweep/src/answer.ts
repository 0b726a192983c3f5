/** What a sweep says, in sentences: which method, which λ, at what cost, and how sure that is. */
import { interval } from "./statistics.js";
import type { Curve, CurvePoint, FinishedRow, Interval, SweepSummary } from "./types.js";

interface Candidate {
  curve: Curve;
  point: CurvePoint;
}

/** @param rows all finished runs; the summary's groups are of them */
export function answer(summary: SweepSummary, rows: readonly FinishedRow[]): string[] {
  const joint = summary.curves.filter(({ method }) => method !== "single");
  const candidates = joint
    .flatMap((curve) => curve.points.map((point) => ({ curve, point })))
    .sort((a, b) => distance(a).mean - distance(b).mean);
  const [best] = candidates;
  if (best === undefined) return ["No run that trains both objectives is finished yet."];
  return [
    bestSentence(best, summary),
    ...runnerUp(best, candidates, rows),
    ...costSentence(best, summary),
    ...sequentialSentence(best, candidates, rows),
    ...volumeSentence(joint),
    ...optimaSentence(summary, best),
    ...doubts(summary, rows),
  ];
}

const distance = ({ point }: Candidate): Interval => point.heldout.scaledDistance;

const named = ({ curve, point }: Candidate): string =>
  point.lambda === null ? curve.label : `${curve.label} at λ = ${point.lambda}`;

function bestSentence(best: Candidate, { objectives }: SweepSummary): string {
  const losses = Object.keys(objectives)
    .map((name) => `${name} ${withInterval(best.point.heldout.losses[name] as Interval, 4)}`)
    .join(", ");
  const { idealDistance } = best.point.heldout;
  return `Nearest to the ideal point on held-out rows: ${named(best)}, at a scaled distance of ${withInterval(distance(best), 3)} (raw ${withInterval(idealDistance, 3)}), with losses ${losses}; ${seedsOf(best.point)}.`;
}

/** The best of each other curve is compared seed by seed. */
function runnerUp(best: Candidate, candidates: readonly Candidate[], rows: readonly FinishedRow[]): string[] {
  const second = candidates.find(({ curve }) => curve !== best.curve);
  if (second === undefined) return [];
  const difference = paired(second, best, rows);
  if (difference === null) return [];
  const verdict =
    difference.n < 2
      ? "with one seed nobody can say whether that is more than chance"
      : difference.low > 0
        ? "more than chance between these seeds"
        : "no more than chance between these seeds";
  return [`Next is ${named(second)}, ${withInterval(difference, 3)} further away: ${verdict}.`];
}

/** Scaled distance of `a` less that of `b`, over the seeds that both have. */
function paired(a: Candidate, b: Candidate, rows: readonly FinishedRow[]): Interval | null {
  const of = ({ curve, point }: Candidate, seed: number) =>
    rows.find((row) => row.curve === curve.curve && row.lambda === point.lambda && row.seed === seed);
  const differences = a.point.seeds.flatMap((seed) => {
    const [first, second] = [of(a, seed), of(b, seed)];
    return first === undefined || second === undefined
      ? []
      : [first.heldout.scaledDistance - second.heldout.scaledDistance];
  });
  return differences.length === 0 ? null : interval(differences);
}

function costSentence({ curve, point }: Candidate, { baseline }: SweepSummary): string[] {
  const { increase } = point;
  if (baseline === null || increase === null || curve.curve === baseline.curve) return [];
  const memory = increase.peakTensorBytes;
  const parts = [
    `${percent(increase.seconds)} training time`,
    `${percent(increase.tokens)} tokens`,
    ...(memory === null ? [] : [`${percent(memory)} tensor memory`]),
  ];
  return [`Its cost beside ${baseline.label} at the same λ: ${parts.join(", ")}.`];
}

function sequentialSentence(
  best: Candidate,
  candidates: readonly Candidate[],
  rows: readonly FinishedRow[],
): string[] {
  if (best.curve.method === "sequential") return ["Training one after the other was not beaten here."];
  const sequential = candidates.find(({ curve }) => curve.method === "sequential");
  if (sequential === undefined) return [];
  const difference = paired(sequential, best, rows);
  if (difference === null) return [];
  return [
    `The best of training one after the other, ${named(sequential)}, ends ${withInterval(difference, 3)} further away, at ${withInterval(distance(sequential), 3)}.`,
  ];
}

function volumeSentence(curves: readonly Curve[]): string[] {
  const known = curves
    .filter(({ hypervolume, points }) => hypervolume !== null && points.length > 1)
    .sort((a, b) => (b.hypervolume?.heldout.mean as number) - (a.hypervolume?.heldout.mean as number));
  if (known.length < 2) return [];
  const list = known.map(
    ({ label, hypervolume }) => `${label} ${withInterval(hypervolume?.heldout as Interval, 3)}`,
  );
  return [
    `Over all λ, the share of the plane that each front dominates (more is better): ${list.join("; ")}.`,
  ];
}

function optimaSentence({ optimaCost }: SweepSummary, { point }: Candidate): string[] {
  if (optimaCost === null) return [];
  const runs = optimaCost.seconds / point.seconds.mean;
  return [
    `Measuring f*, which MAXRIGHT and all gaps need, took ${optimaCost.seconds.toFixed(1)} s of training: as much as ${runs.toFixed(1)} runs of the best method.`,
  ];
}

/** What would make a careful reader hesitate. */
function doubts({ curves, seeds }: SweepSummary, rows: readonly FinishedRow[]): string[] {
  const lines: string[] = [];
  const below = rows.filter(({ heldout }) => Object.values(heldout.gaps).some((gap) => gap < 0));
  if (below.length > 0)
    lines.push(
      `${below.length} of ${rows.length} runs ended below an f*: it is the best that training alone reached, not a bound.`,
    );
  const failed = curves.flatMap(({ points }) => points).reduce((sum, point) => sum + point.failed, 0);
  if (failed > 0) lines.push(`${failed} runs failed and are not in these means.`);
  if (seeds.length < 3)
    lines.push(
      `With ${seeds.length === 1 ? "one seed" : "two seeds"} take differences with care; five give usable intervals.`,
    );
  return lines;
}

const seedsOf = ({ seeds }: CurvePoint) => (seeds.length === 1 ? "one seed" : `${seeds.length} seeds`);

/** "0.213 ± 0.021"; of one value without an interval. */
export function withInterval({ mean, high, n }: Interval, digits: number): string {
  return n < 2 ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${(high - mean).toFixed(digits)}`;
}

function percent({ mean, high, n }: Interval): string {
  const sign = mean < 0 ? "−" : "+";
  const spread = n < 2 ? "" : ` ± ${(high - mean).toFixed(1)}`;
  return `${sign}${Math.abs(mean).toFixed(1)}${spread} %`;
}
