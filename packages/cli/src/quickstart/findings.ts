/**
 * What the numbers say about the paper's claims ("Mitigating Forgetting in LLM Supervised Fine-Tuning and Preference
 * Learning", arXiv 2410.15483), in plain words. Every sentence is computed: a run that contradicts the paper is
 * reported as doing so.
 */
import type { EvalEvent, MetricsLine } from "@outright/trainer";
import type { Marks } from "./grade.js";
import { METHODS, type MethodName, type Optima } from "./plan.js";

/** What is known of one model: the lines its run wrote, and the marks of its generated answers. */
export interface Measured {
  name: string;
  /** of the base: any run's evaluation at step 0 */
  lines: MetricsLine[];
  marks: Marks;
}

const SEQUENTIAL = {
  "sft-then-dpo": { first: "sft", second: "dpo" },
  "dpo-then-sft": { first: "dpo", second: "sft" },
} as const;

/** A loss that gives back more than this share of what it had gained is called forgetting; less is noise. */
const FORGETTING = 0.1;

export function findings(measured: readonly Measured[], optima: Optima): string[] {
  const find = (name: string): Measured | undefined => measured.find((one) => one.name === name);
  const sequential = Object.entries(SEQUENTIAL).flatMap(([name, order]) => {
    const run = find(name);
    const alone = find(`${order.first}-only`);
    return run === undefined ? [] : [forgetting(run, order, alone)];
  });
  return [...sequential, ...ranking(measured, optima)];
}

export const evaluations = (lines: readonly MetricsLine[]): EvalEvent[] =>
  lines.filter((line) => line.type === "eval");

/** How much of its first stage a sequential run lost in its second. */
function forgetting(
  run: Measured,
  { first, second }: { first: keyof Optima; second: keyof Optima },
  alone: Measured | undefined,
): string {
  const evals = evaluations(run.lines);
  const boundary = firstStageEnd(run.lines, second);
  const at = (eval_: EvalEvent | undefined): number => eval_?.losses[first] ?? Number.NaN;
  const [start, middle, end] = [
    at(evals[0]),
    at(evals.findLast(({ step }) => step <= boundary)),
    at(evals.at(-1)),
  ];
  const [name, other] = [first.toUpperCase(), second.toUpperCase()];
  if (![start, middle, end].every(Number.isFinite) || middle >= start) {
    return `${run.name}: its ${name} steps did not lower the held-out ${name} loss, so there is nothing to forget.`;
  }
  const path = `held-out ${name} loss ${start.toFixed(3)} → ${middle.toFixed(3)} in its ${name} steps → ${end.toFixed(3)} after the ${other} steps`;
  const given = (end - middle) / (start - middle);
  const verdict =
    given <= FORGETTING
      ? `no forgetting here, unlike the paper`
      : given < 1
        ? `it forgot ${percent(given)} of what it had gained`
        : "it forgot all that it had gained and more";
  return `${run.name}: ${path}: ${verdict}${behaviour(run, first, alone)}.`;
}

/** The same in what it says: right answers are SFT's matter, right refusals DPO's. */
function behaviour(run: Measured, objective: keyof Optima, alone: Measured | undefined): string {
  const [key, words] =
    objective === "sft"
      ? (["rightAnswers", "of its answers are right"] as const)
      : (["rightRefusals", "of forbidden requests are refused"] as const);
  const other = alone === undefined ? "" : ` (${alone.name}: ${percent(alone.marks[key])})`;
  return `; ${percent(run.marks[key])} ${words}${other}`;
}

/** The step after which the first stage was over: the last before any step of the second objective. */
function firstStageEnd(lines: readonly MetricsLine[], second: string): number {
  const next = lines.find((line) => line.type === "step" && line.objective === second);
  return next?.type === "step" ? next.step - 1 : Number.NaN;
}

/** √((f_SFT − f*_SFT)² + (f_DPO − f*_DPO)²) at the end of a run; NaN where it was not evaluated. */
export function idealDistance(lines: readonly MetricsLine[], optima: Optima): number {
  const losses = evaluations(lines).at(-1)?.losses;
  return Math.hypot(
    (losses?.["sft"] ?? Number.NaN) - optima.sft,
    (losses?.["dpo"] ?? Number.NaN) - optima.dpo,
  );
}

/** The methods, nearest to the ideal point first. */
export function byDistance(
  measured: readonly Measured[],
  optima: Optima,
): { name: MethodName; distance: number }[] {
  return METHODS.flatMap((name) => {
    const run = measured.find((one) => one.name === name);
    const distance = run === undefined ? Number.NaN : idealDistance(run.lines, optima);
    return Number.isFinite(distance) ? [{ name, distance }] : [];
  }).sort((a, b) => a.distance - b.distance);
}

/** The paper: every joint way ends nearer to the ideal point than Sequential in either order. */
function ranking(measured: readonly Measured[], optima: Optima): string[] {
  const ranked = byDistance(measured, optima);
  const isSequential = ({ name }: { name: string }): boolean => name in SEQUENTIAL;
  const best = ranked.find(isSequential);
  if (best === undefined || ranked.every(isSequential)) return [];
  const joint = ranked.filter((one) => !isSequential(one));
  const worse = joint.filter(({ distance }) => distance >= best.distance);
  const list = ranked.map(({ name, distance }) => `${name} ${distance.toFixed(2)}`).join(", ");
  const verdict =
    worse.length === 0
      ? "as in the paper, every way of training both at once ends nearer than Sequential in either order"
      : `unlike in the paper, ${worse.map(({ name }) => name).join(" and ")} ${worse.length === 1 ? "ends" : "end"} no nearer than ${best.name}`;
  return [`Distance to the ideal point: ${list}: ${verdict}.`];
}

const percent = (share: number): string => (Number.isFinite(share) ? `${(100 * share).toFixed(0)} %` : "?");
