/** MAXRIGHT's K: what measuring all gaps more rarely costs and saves. */
import * as Plot from "@observablehq/plot";
import { chart, scales } from "../../chart.js";
import { spread } from "../../labels.js";
import { look } from "../../look.js";
import { ks, seedsNote } from "../../sweep/choose.js";
import type { Interval, Point, SweepSummary } from "../../sweep/format.js";
import { cellNames, cells, known } from "../../sweep/intervals.js";
import { type Figure, HALF, HALO, MUTED, padded } from "../figure.js";
import type { SweepInput } from "./input.js";

interface Mark {
  k: number;
  value: Interval;
}

export function ablation({ sweep }: SweepInput): Figure {
  const { summary } = sweep;
  const fresh = ks(summary.curves);
  const free = summary.curves.filter(({ method, every }) => method === "maxright" && every === null);
  const metrics: { title: string; of: (point: Point) => Interval | null | undefined }[] = [
    { title: "ideal distance, held out", of: ({ heldout }) => heldout.idealDistance },
    { title: "seconds of training", of: ({ seconds }) => seconds },
  ];
  const figure: Figure = {
    id: "ablation",
    title: "MAXRIGHT: how often the gaps are measured",
    caption: `All gaps are measured every K steps; between those, only the trained one's is known. "Free": gaps from smoothed training losses, without any measurement. Each curve is one λ. ${seedsNote(summary)}`,
    csv: {
      header: ["method", "K", "lambda", ...metrics.flatMap((metric) => cellNames(metric.title))],
      rows: [...fresh, ...free].flatMap(({ label, every, points }) =>
        points.map((point) => [
          label,
          every ?? "free",
          point.lambda ?? undefined,
          ...metrics.flatMap(({ of }) => cells(of(point))),
        ]),
      ),
    },
  };
  if (fresh.length < 2)
    return {
      ...figure,
      missing: `This sweep has ${fresh.length === 0 ? "no" : "only one"} K of MAXRIGHT; it takes two or more to compare them.`,
    };
  const lambdas = lambdasOf(summary);
  const charts = metrics.map(({ title, of }) => {
    const curves = lambdas.map((lambda, i) => ({
      name: `λ = ${lambda}`,
      look: look([0, 1, 2, 3, 4, 6, 7, 5][i % 8]!),
      marks: fresh.flatMap(({ every, points }): Mark[] => {
        const value = known(of(points.find((p) => p.lambda === lambda) ?? NOWHERE));
        return value === undefined ? [] : [{ k: every!, value }];
      }),
      free: free
        .map(({ points }) => known(of(points.find((p) => p.lambda === lambda) ?? NOWHERE)))
        .find((v) => v !== undefined),
    }));
    return {
      charts: [
        ablationChart(
          title,
          curves,
          fresh.map(({ every }) => every!),
        ),
      ],
    };
  });
  return { ...figure, picture: { columns: 2, cells: charts } };
}

const NOWHERE = { heldout: {} } as Point;

/** Those at which at least two K were run. */
function lambdasOf({ curves, lambdas }: SweepSummary): number[] {
  return lambdas.filter(
    (lambda) => ks(curves).filter(({ points }) => points.some((p) => p.lambda === lambda)).length > 1,
  );
}

interface AblationCurve {
  name: string;
  look: ReturnType<typeof look>;
  marks: Mark[];
  free: Interval | undefined;
}

function ablationChart(title: string, curves: AblationCurve[], every: number[]): string {
  const hasFree = curves.some(({ free }) => free !== undefined);
  // The mark of free gaps stands one third of the axis beyond the last K, beside a scale that does not reach it.
  const [first, last] = [Math.min(...every), Math.max(...every)];
  const beyond = last * Math.max(2.5, (last / first) ** 0.3);
  const values = curves.flatMap(({ marks, free }) => [...marks.map((m) => m.value), ...(free ? [free] : [])]);
  const means = values.map((v) => v.mean);
  const room = 0.3 * (Math.max(...means) - Math.min(...means) || Math.abs(means[0] ?? 1) * 0.2);
  const [low, high] = [Math.min(...means) - room, Math.max(...means) + room];
  const cut = (v: number): number => Math.min(high, Math.max(low, v));
  const domain = padded(values.flatMap((v) => [cut(v.low), cut(v.high)]));
  const width = HALF;
  const height = 320;
  const options = {
    width,
    height,
    marginLeft: 52,
    marginTop: 30,
    marginBottom: 40,
    marginRight: 64,
    grid: true,
    x: {
      type: "log" as const,
      domain: [first / 1.3, (hasFree ? beyond : last) * 1.3],
      ticks: every,
      tickFormat: String,
      label: "steps between measurements K, log scale →",
    },
    y: { domain, ticks: 6, label: `↑ ${title}` },
  };
  const at = scales({ ...options, marks: [] });
  const marks: Plot.Markish[] = [];
  if (hasFree)
    marks.push(
      Plot.ruleX([Math.sqrt(last * beyond)], { stroke: MUTED, strokeDasharray: "2 4" }),
      Plot.text([beyond], {
        x: (k: number) => k,
        frameAnchor: "bottom",
        text: () => "free",
        dy: 16,
        fill: "currentColor",
      }),
    );
  const shown = curves.filter((curve) => curve.marks.length > 0);
  const ends = shown.map(({ marks: own, free }) =>
    free === undefined ? own.at(-1)! : { k: beyond, value: free },
  );
  const heights = spread(
    ends.map(({ value }) => at.y(value.mean)),
    14,
    30,
    height - 44,
  );
  const labelX = at.x(hasFree ? beyond : last) + 14;
  for (const [i, { name, look: style, marks: own, free }] of shown.entries()) {
    const all = [...own, ...(free === undefined ? [] : [{ k: beyond, value: free }])];
    const { color, dash, symbol } = style;
    // Neighbours are moved apart a little, or their whiskers would hide one another.
    const dx = 5 * (i - (shown.length - 1) / 2);
    const end = { x: at.fromX(labelX), y: at.fromY(heights[i]!) };
    marks.push(
      Plot.line(own, {
        x: "k",
        y: ({ value }: Mark) => value.mean,
        stroke: color,
        strokeDasharray: dash,
        dx,
      }),
      Plot.link(
        all.filter(({ value }) => value.n > 1),
        {
          x1: "k",
          x2: "k",
          y1: ({ value }: Mark) => cut(value.low),
          y2: ({ value }: Mark) => cut(value.high),
          stroke: color,
          strokeWidth: 1.2,
          dx,
        },
      ),
      Plot.dot(all, {
        x: "k",
        y: ({ value }: Mark) => value.mean,
        symbol,
        r: 4.5,
        fill: color,
        stroke: "var(--paper)",
        strokeWidth: 0.8,
        dx,
        title: ({ k, value }: Mark) => `${name}, ${k > last ? "free gaps" : `K = ${k}`}: ${value.mean}`,
      }),
      Plot.text([end], {
        x: "x",
        y: "y",
        text: () => name,
        dx: 4,
        textAnchor: "start",
        fill: color,
        fontWeight: 600,
        ...HALO,
      }),
    );
  }
  return chart(`${title} of MAXRIGHT against K, a curve for each lambda`, { ...options, marks });
}
