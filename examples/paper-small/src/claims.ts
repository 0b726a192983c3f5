/** The paper's claims, each as comparisons between runs of the same seed: which side of a bound they lie on decides it. */
import type { FinishedRow, Interval } from "outright";
import {
  type Cell,
  difference,
  differenceOfSpreads,
  increase,
  type Measure,
  side,
  type Verdict,
  verdict,
} from "./compare.js";
import { LAMBDAS, PAPER } from "./paper.js";

/** One comparison: the paper's figure, or nothing, and ours in each column. */
export interface Line {
  what: string;
  paper: string;
  ours: (Interval | null)[];
}

export interface Claim {
  title: string;
  /** what is compared with what, and its unit */
  how: string;
  columns: string[];
  digits: number;
  claimed: "below" | "above";
  bound: number;
  lines: Line[];
  /** of each column */
  verdicts: Verdict[];
}

interface Column {
  name: string;
  of: Measure;
}

/** The paper's measure is the first: not scaled, on training rows. Scaled: each gap in units of its objective's range. */
const DISTANCE: Column[] = [
  { name: "training rows", of: ({ train }) => train?.idealDistance ?? null },
  { name: "held-out rows", of: ({ heldout }) => heldout.idealDistance },
  { name: "held-out rows, scaled", of: ({ heldout }) => heldout.scaledDistance },
];
const gapOf = (objective: string): Column[] => [
  { name: "training rows", of: ({ train }) => train?.gaps[objective] ?? null },
  { name: "held-out rows", of: ({ heldout }) => heldout.gaps[objective] ?? null },
];
/** Time of the processor, which a run on one thread takes whatever else the machine does, time by the clock, and what was trained on. */
const TIME: Column[] = [
  {
    name: "processor time",
    of: ({ seconds, cpuUtilization }) => (cpuUtilization === null ? null : seconds * cpuUtilization),
  },
  { name: "by the clock", of: ({ seconds }) => seconds },
  { name: "tokens", of: ({ tokens }) => tokens },
];
const MEMORY: Column[] = [{ name: "peak tensor memory", of: ({ peakTensorBytes }) => peakTensorBytes }];

type Joint = keyof typeof PAPER.runtime;
const LABELS: Record<Joint, string> = { mix: "Mix", alright: "ALRIGHT", "maxright-k10": "MAXRIGHT K=10" };
const BASELINE = "sequential-dpo-sft";

/** @param rows finished runs of sweep.yaml */
export function claims(rows: readonly FinishedRow[]): Claim[] {
  return [
    forgetting(rows, "dpo", [BASELINE, "sequential-sft-dpo"]),
    forgetting(rows, "sft", ["sequential-sft-dpo", BASELINE]),
    ...(Object.keys(LABELS) as Joint[]).map((method) => nearer(rows, method)),
    alrightBehindMix(rows),
    flatInLambda(rows),
    mixCosts(rows, "training time", TIME, "mix", PAPER.runtime.mix),
    mixCosts(
      rows,
      "memory, with one backward pass as in the paper,",
      MEMORY,
      "mix-one-pass",
      PAPER.gpuUtilization.mix,
    ),
    jointIsFree(rows, "training time", TIME, PAPER.runtime),
    jointIsFree(rows, "memory", MEMORY, PAPER.gpuUtilization),
    ...refreshes(rows),
  ];
}

function claim(
  head: Pick<Claim, "title" | "how" | "claimed"> & { bound?: number; digits?: number },
  columns: readonly Column[],
  lines: readonly { what: string; paper: string; of: (measure: Measure) => Interval | null }[],
): Claim {
  const { bound = 0, digits = 3 } = head;
  const told = lines.map(({ what, paper, of }) => ({
    what,
    paper,
    ours: columns.map((column) => of(column.of)),
  }));
  return {
    ...head,
    bound,
    digits,
    columns: columns.map(({ name }) => name),
    lines: told,
    verdicts: columns.map((_, at) =>
      verdict(
        told.map(({ ours }) => side(ours[at] ?? null, bound)),
        head.claimed,
      ),
    ),
  };
}

/** The same steps of both objectives in either order: only what comes last differs. */
function forgetting(rows: readonly FinishedRow[], objective: string, [first, last]: [string, string]): Claim {
  const name = objective.toUpperCase();
  return claim(
    {
      title: `Training one after the other forgets ${name} where it comes first`,
      how: `${name} gap after training it first, less that after training it last with as many steps`,
      claimed: "above",
    },
    gapOf(objective),
    LAMBDAS.map((lambda, i) => ({
      what: `λ = ${lambda}`,
      paper: objective === "dpo" ? `gap ${PAPER.dpoGap[BASELINE][i]} where it comes first` : "",
      of: (measure) => difference(rows, { curve: first, lambda }, { curve: last, lambda }, measure),
    })),
  );
}

function nearer(rows: readonly FinishedRow[], method: Joint): Claim {
  const { idealDistance } = PAPER;
  return claim(
    {
      title: `${LABELS[method]} ends nearer to the ideal point than training one after the other`,
      how: `ideal distance of ${LABELS[method]}, less that of sequential training at the same λ`,
      claimed: "below",
    },
    DISTANCE,
    [
      { label: "DPO then SFT", curve: BASELINE },
      { label: "SFT then DPO", curve: "sequential-sft-dpo" },
    ].flatMap(({ label, curve }) =>
      LAMBDAS.map((lambda, i) => ({
        what: `${label}, λ = ${lambda}`,
        paper:
          curve === BASELINE ? signed(at(idealDistance[method], i) - at(idealDistance[BASELINE], i), 3) : "",
        of: (measure: Measure) => difference(rows, { curve: method, lambda }, { curve, lambda }, measure),
      })),
    ),
  );
}

function alrightBehindMix(rows: readonly FinishedRow[]): Claim {
  const { alright, mix } = PAPER.idealDistance;
  return claim(
    {
      title:
        "ALRIGHT ends behind Mix, which trains on both objectives' batches in every step, where λ is not large",
      how: "ideal distance of ALRIGHT, less that of Mix at the same λ",
      claimed: "above",
    },
    DISTANCE,
    LAMBDAS.slice(0, 2).map((lambda, i) => ({
      what: `λ = ${lambda}`,
      paper: signed(at(alright, i) - at(mix, i), 3),
      of: (measure) => difference(rows, { curve: "alright", lambda }, { curve: "mix", lambda }, measure),
    })),
  );
}

function flatInLambda(rows: readonly FinishedRow[]): Claim {
  const { alright, "maxright-k10": maxright } = PAPER.idealDistance;
  const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
  return claim(
    {
      title: "Where MAXRIGHT ends depends less on λ than where ALRIGHT does",
      how: "largest less smallest ideal distance over λ, of MAXRIGHT K=10 less that of ALRIGHT",
      claimed: "below",
    },
    DISTANCE,
    [
      {
        what: `λ = ${LAMBDAS[0]} to ${LAMBDAS.at(-1)}`,
        paper: signed(spread(maxright) - spread(alright), 3),
        of: (measure) => differenceOfSpreads(rows, "maxright-k10", "alright", LAMBDAS, measure),
      },
    ],
  );
}

/** Percent of what sequential training takes. */
function mixCosts(
  rows: readonly FinishedRow[],
  what: string,
  columns: readonly Column[],
  curve: string,
  paper: readonly number[],
): Claim {
  const lambdas = LAMBDAS.filter((lambda) =>
    rows.some((row) => row.curve === curve && row.lambda === lambda),
  );
  return claim(
    {
      title: `Mix costs more ${what} than training one after the other`,
      how: "percent above DPO then SFT at the same λ",
      claimed: "above",
      digits: 1,
    },
    columns,
    lambdas.map((lambda) => ({
      what: `λ = ${lambda}`,
      paper: signed(at(paper, LAMBDAS.indexOf(lambda)), 1),
      of: (measure) => increase(rows, { curve, lambda }, { curve: BASELINE, lambda }, measure),
    })),
  );
}

/** Most percent that the paper shows for ALRIGHT and MAXRIGHT K=10 at these λ. */
const FREE = 10;

function jointIsFree(
  rows: readonly FinishedRow[],
  what: string,
  columns: readonly Column[],
  paper: Record<Joint, readonly number[]>,
): Claim {
  return claim(
    {
      title: `ALRIGHT and MAXRIGHT K=10 cost at most ${FREE} % more ${what} than training one after the other`,
      how: "percent above DPO then SFT at the same λ",
      claimed: "below",
      bound: FREE,
      digits: 1,
    },
    columns,
    (["alright", "maxright-k10"] as const).flatMap((curve) =>
      LAMBDAS.map((lambda, i) => ({
        what: `${LABELS[curve]}, λ = ${lambda}`,
        paper: signed(at(paper[curve], i), 1),
        of: (measure: Measure) => increase(rows, { curve, lambda }, { curve: BASELINE, lambda }, measure),
      })),
    ),
  );
}

/** The paper's ablation of K is at λ = 0.5 and told in words. */
function refreshes(rows: readonly FinishedRow[]): Claim[] {
  const k = (every: number): Cell => ({ curve: `maxright-k${every}`, lambda: 0.5 });
  const against = (every: number, other: number, paper: string) => ({
    what: `K = ${every} beside K = ${other}`,
    paper,
    of: (measure: Measure) => difference(rows, k(every), k(other), measure),
  });
  const time = (every: number, paper: string) => ({
    what: `K = ${every}`,
    paper,
    of: (measure: Measure) => increase(rows, k(every), { curve: BASELINE, lambda: 0.5 }, measure),
  });
  const distance = "ideal distance, less that of the other K, at λ = 0.5";
  const percent = "percent above DPO then SFT at λ = 0.5";
  return [
    claim(
      { title: "MAXRIGHT with K = 1 ends nearest of all K", how: distance, claimed: "below" },
      DISTANCE,
      [10, 100, 1000].map((other) => against(1, other, "nearer")),
    ),
    claim(
      { title: "MAXRIGHT with K = 1000 ends far from where smaller K do", how: distance, claimed: "above" },
      DISTANCE,
      [1, 10, 100].map((other) => against(1000, other, "further")),
    ),
    claim(
      {
        title: "MAXRIGHT with K = 1 costs training time",
        ...{ how: percent, claimed: "above", bound: FREE, digits: 1 },
      },
      TIME,
      [time(1, "about +75")],
    ),
    claim(
      {
        title: `MAXRIGHT with K = 10 or 100 costs at most ${FREE} % of it`,
        ...{ how: percent, claimed: "below", bound: FREE, digits: 1 },
      },
      TIME,
      [time(10, "0 to +10"), time(100, "0 to +10")],
    ),
  ];
}

const at = (values: readonly number[], index: number): number => values[index] as number;

/** "+0.123", "−0.123" */
export const signed = (value: number, digits: number): string =>
  `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
