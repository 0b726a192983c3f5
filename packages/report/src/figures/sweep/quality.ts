/** Quality against time: every method at its best λ, and for MAXRIGHT the time that its f* took besides. */
import * as Plot from "@observablehq/plot";
import { chart, scales } from "../../chart.js";
import { labelBox, placeLabels, placeNotes } from "../../labels.js";
import { bestPoint, compared, otherKs, seedsNote } from "../../sweep/choose.js";
import type { Interval } from "../../sweep/format.js";
import { cellNames, cells, known } from "../../sweep/intervals.js";
import { type Figure, HALO, lossAxis, MUTED, scaleOf, WIDE } from "../figure.js";
import { along } from "../plane-ground.js";
import type { SweepInput } from "./input.js";

interface Spot {
  name: string;
  color: string;
  symbol: Plot.DotOptions["symbol"];
  x: Interval;
  y: Interval;
  /** seconds with those of the optima, where the method needs them */
  withOptima: number | undefined;
}

const HEIGHT = 400;

export function quality({ sweep, looks }: SweepInput): Figure {
  const { summary } = sweep;
  const optima = summary.optimaCost?.seconds;
  const best = compared(summary).flatMap((curve) => {
    const point = bestPoint(curve);
    return point === undefined ? [] : [{ curve, point }];
  });
  const figure: Figure = {
    id: "quality",
    title: "Quality against time",
    caption:
      "Every method at its best λ: lower is nearer to the ideal point, further left is faster. MAXRIGHT decides by f*, which takes runs on each objective alone: the hollow ring " +
      `counts their time too. ${seedsNote(summary)}${otherKs(summary)}`,
    csv: {
      header: [
        "method",
        "lambda",
        ...cellNames("seconds"),
        ...cellNames("ideal distance"),
        "seconds of the optima",
      ],
      rows: best.map(({ curve, point }) => [
        curve.label,
        point.lambda ?? undefined,
        ...cells(point.seconds),
        ...cells(point.heldout.idealDistance),
        curve.method === "maxright" ? optima : undefined,
      ]),
    },
  };
  const spots = best.flatMap(({ curve: { curve, label, method }, point }): Spot[] => {
    const [x, y] = [known(point.seconds), known(point.heldout.idealDistance)];
    if (x === undefined || y === undefined) return [];
    const { color, symbol } = looks.get(curve)!;
    const isCounted = method === "maxright" && Number.isFinite(optima) && optima! > 0;
    const name = point.lambda === null ? label : `${label}, λ = ${point.lambda}`;
    return [{ name, color, symbol, x, y, withOptima: isCounted ? x.mean + optima! : undefined }];
  });
  if (spots.length === 0)
    return { ...figure, missing: "No method has ended, or the ideal distance is not known yet." };
  return { ...figure, picture: { columns: 1, cells: [{ charts: [draw(spots)] }] } };
}

function draw(spots: Spot[]): string {
  const xScale = lossAxis(spots.flatMap(({ x, withOptima }) => [x.mean, withOptima ?? x.mean]));
  const means = spots.map(({ y }) => y.mean);
  const room = 0.3 * (Math.max(...means) - Math.min(...means) || 0.1);
  const [low, high] = [Math.min(...means) - room, Math.max(...means) + room];
  const cutY = (v: number): number => Math.min(high, Math.max(low, v));
  const yScale = lossAxis(spots.flatMap(({ y }) => [cutY(y.low), cutY(y.high)]));
  const [from, to] = xScale.domain;
  const cutX = (v: number): number => Math.min(to, Math.max(from, v));
  const options = {
    width: WIDE,
    height: HEIGHT,
    marginLeft: 56,
    marginBottom: 44,
    marginTop: 30,
    marginRight: 24,
    grid: true,
    x: { ...scaleOf(xScale, WIDE - 80), label: `seconds of training${xScale.note} →` },
    y: { ticks: 6, ...scaleOf(yScale, HEIGHT - 74), label: `↑ ideal distance, held out${yScale.note}` },
  };
  const at = scales({ ...options, marks: [] });
  const bounds = { left: 60, right: WIDE - 8, top: 24, bottom: HEIGHT - 48 };
  const anchors = spots.map(({ name, x, y }) => ({ x: at.x(x.mean), y: at.y(y.mean), text: name }));
  const counted = spots.filter((spot) => spot.withOptima !== undefined);
  const rings = counted.map(({ withOptima, y }) => ({ x: at.x(withOptima!), y: at.y(y.mean) }));
  const lines = [
    ...counted.flatMap(({ x, y, withOptima }) =>
      along([
        { x: at.x(x.mean), y: at.y(y.mean) },
        { x: at.x(withOptima!), y: at.y(y.mean) },
      ]),
    ),
    ...spots.flatMap(({ x, y }) =>
      along([
        { x: at.x(x.mean), y: at.y(cutY(y.low)) },
        { x: at.x(x.mean), y: at.y(cutY(y.high)) },
      ]),
    ),
  ];
  const places = placeLabels(anchors, bounds, rings, lines);
  const taken = anchors.map((anchor, i) => labelBox(anchor, places[i]!));
  const notes = placeNotes(
    rings.map((ring) => ({ ...ring, text: "with f*" })),
    bounds,
    [...anchors, ...rings],
    taken,
  );
  const marks: Plot.Markish[] = [];
  for (const [i, spot] of spots.entries()) {
    const { name, color, symbol, x, y, withOptima } = spot;
    const { dx, dy, align } = places[i]!;
    const note = withOptima === undefined ? undefined : notes[counted.indexOf(spot)];
    const row = { x: x.mean, y: y.mean };
    if (withOptima !== undefined)
      marks.push(
        Plot.link([row], {
          x1: "x",
          x2: () => withOptima,
          y1: "y",
          y2: "y",
          stroke: color,
          strokeDasharray: "2 3",
          strokeWidth: 1.2,
        }),
        Plot.dot([row], {
          x: () => withOptima,
          y: "y",
          r: 4.5,
          stroke: color,
          strokeWidth: 1.6,
          fill: "var(--paper)",
        }),
      );
    if (note !== undefined)
      marks.push(
        Plot.text([row], {
          x: () => withOptima,
          y: "y",
          text: () => "with f*",
          dx: note.dx,
          dy: note.dy,
          textAnchor: note.align,
          fill: MUTED,
          fontSize: 10,
          ...HALO,
        }),
      );
    if (Math.abs(dy) > 9)
      marks.push(
        Plot.link([{ ...row, x2: at.fromX(at.x(x.mean) + dx), y2: at.fromY(at.y(y.mean) + dy) }], {
          x1: "x",
          y1: "y",
          x2: "x2",
          y2: "y2",
          stroke: color,
          strokeWidth: 0.8,
        }),
      );
    if (x.n > 1 || y.n > 1)
      marks.push(
        Plot.link([row], { x1: () => cutX(x.low), x2: () => cutX(x.high), y1: "y", y2: "y", stroke: color }),
        Plot.link([row], { x1: "x", x2: "x", y1: () => cutY(y.low), y2: () => cutY(y.high), stroke: color }),
      );
    marks.push(
      Plot.dot([row], { x: "x", y: "y", symbol: () => symbol, r: 6, fill: color, stroke: "var(--paper)" }),
      Plot.text([row], {
        x: "x",
        y: "y",
        text: () => name,
        dx,
        dy,
        textAnchor: align,
        fill: color,
        fontWeight: 600,
        ...HALO,
      }),
    );
  }
  return chart("Ideal distance against seconds of each method at its best lambda", { ...options, marks });
}
