/**
 * A row for each method at each λ, and panels side by side that share the rows: so every bar has its method's name beside it, once,
 * and needs no legend.
 */
import * as Plot from "@observablehq/plot";
import { chart } from "../../chart.js";
import { sideBySide } from "../../picture.js";
import type { Interval } from "../../sweep/format.js";
import type { CurveLook } from "../../sweep/look.js";
import { HALO, MUTED, padded } from "../figure.js";
import { fixed } from "./format.js";

export interface Row {
  name: string;
  look: CurveLook;
  /** one for each panel; undefined where there is nothing to show */
  values: (Interval | undefined)[];
  /** second values, drawn as hollow rings tied to the first ones */
  others?: (Interval | undefined)[];
}

export interface RowGroup {
  title: string;
  rows: Row[];
}

export interface RowPanel {
  title: string;
  /** bars start at 0; marks stand where the values are */
  kind: "bars" | "marks";
  text: (value: number) => string;
}

const ROW = 17;
const TOP = 30;
const BOTTOM = 24;
const CHARACTER = 6.3;

interface Line extends Row {
  id: string;
}

/** @param width of all panels and the names together, in pixels */
export function rowsChart(label: string, groups: RowGroup[], panels: RowPanel[], width: number): string {
  const lines: Line[] = [];
  const domain: string[] = [];
  const heads: { id: string; title: string }[] = [];
  for (const [g, group] of groups.entries()) {
    heads.push({ id: `head${g}`, title: group.title });
    domain.push(`head${g}`);
    for (const [r, row] of group.rows.entries()) {
      lines.push({ ...row, id: `${g}.${r}` });
      domain.push(`${g}.${r}`);
    }
  }
  const longest = Math.max(...lines.map((line) => line.name.length), ...groups.map((g) => g.title.length));
  const names = Math.min(230, longest * CHARACTER + 16);
  const each = Math.floor((width - names) / panels.length);
  const charts = panels.map((panel, p) => {
    const left = p === 0 ? names : 10;
    const shown = lines.map((line) => ({ ...line, value: line.values[p], other: line.others?.[p] }));
    const x = domainOf(
      panel,
      shown.flatMap(({ value, other }) => [value, other].filter((v) => v !== undefined)),
    );
    const marks: Plot.Markish[] = [
      Plot.text([panel.title], { frameAnchor: "top-left", dy: -26, fontWeight: 600, fontSize: 12 }),
      ...(p > 0 ? [] : nameMarks(lines, heads, names)),
      ...(panel.kind === "bars" ? barMarks(shown, panel, x) : pairMarks(shown, panel, x)),
    ];
    return chart("", {
      width: (p === 0 ? names : 10) + each - 10,
      height: TOP + BOTTOM + ROW * domain.length,
      marginLeft: left,
      marginRight: 6,
      marginTop: TOP,
      marginBottom: BOTTOM,
      x: { domain: [x.low, x.high], label: null, ticks: 3, grid: true, insetRight: x.text },
      y: { domain, axis: null, padding: 0.14 },
      marks,
    });
  });
  return sideBySide(label, charts);
}

interface Domain {
  low: number;
  high: number;
  /** pixels at the right kept for the values' text */
  text: number;
}

/** Intervals of few seeds can be far wider than all means: they are cut where they would squeeze these. */
function domainOf(panel: RowPanel, values: Interval[]): Domain {
  const means = values.map((v) => v.mean);
  const text = 8 + 6 * Math.max(3, ...means.map((v) => panel.text(v).length));
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const range = panel.kind === "bars" ? Math.max(high, 0) - Math.min(low, 0) : high - low;
  const room = 0.35 * (range || Math.abs(high) || 1);
  const ends = [
    Math.max(low - room, Math.min(...values.map((v) => v.low))),
    Math.min(high + room, Math.max(...values.map((v) => v.high))),
  ];
  if (!ends.every(Number.isFinite)) return { low: 0, high: 1, text };
  if (panel.kind === "marks") {
    const [from, to] = padded(ends);
    return { low: from, high: to, text: 8 };
  }
  const [from, to] = [Math.min(0, ends[0]!), Math.max(0, ends[1]!)];
  return { low: from, high: from === to ? 1 : to, text };
}

function nameMarks(lines: Line[], heads: { id: string; title: string }[], names: number): Plot.Markish[] {
  return [
    Plot.text(heads, {
      y: "id",
      text: "title",
      frameAnchor: "left",
      dx: -names,
      dy: 2,
      textAnchor: "start",
      fontWeight: 600,
      fontSize: 12,
    }),
    Plot.text(lines, {
      y: "id",
      text: (line: Line) => line.name,
      frameAnchor: "left",
      dx: -8,
      textAnchor: "end",
    }),
  ];
}

type Shown = Line & { value: Interval | undefined; other: Interval | undefined };
type Drawn = Line & { value: Interval; other: Interval | undefined };

const within = (value: number, { low, high }: Domain): number => Math.min(high, Math.max(low, value));

/** Whiskers of the 95 % intervals; cut ends have no cap. */
function whiskers(rows: Drawn[], x: Domain, color: string): Plot.Markish[] {
  const wide = rows.filter(({ value }) => value.n > 1 && value.high > value.low);
  const caps = wide.flatMap(({ id, value }) =>
    [value.low, value.high].filter((v) => v === within(v, x)).map((at) => ({ id, at })),
  );
  return [
    Plot.ruleY(wide, {
      y: "id",
      x1: ({ value }: Drawn) => within(value.low, x),
      x2: ({ value }: Drawn) => within(value.high, x),
      stroke: "var(--paper)",
      strokeWidth: 3.4,
    }),
    Plot.ruleY(wide, {
      y: "id",
      x1: ({ value }: Drawn) => within(value.low, x),
      x2: ({ value }: Drawn) => within(value.high, x),
      stroke: color,
      strokeWidth: 1.4,
    }),
    Plot.tickX(caps, { y: "id", x: "at", stroke: color, strokeWidth: 1.4, inset: 3.5 }),
  ];
}

function barMarks(shown: Shown[], panel: RowPanel, x: Domain): Plot.Markish[] {
  const rows = shown.filter((row): row is Drawn => row.value !== undefined);
  return [
    ...rows.map((row) =>
      Plot.barX([row], {
        y: "id",
        x1: 0,
        x2: ({ value }: Drawn) => value.mean,
        fill: row.look.fill,
        stroke: row.look.color,
        strokeWidth: 1,
      }),
    ),
    Plot.ruleX([0]),
    ...whiskers(rows, x, "currentColor"),
    Plot.text(rows, {
      y: "id",
      x: ({ value }: Drawn) => within(Math.max(0, value.high, value.mean), x),
      text: ({ value }: Drawn) => panel.text(value.mean),
      dx: 5,
      textAnchor: "start",
      fontSize: 10,
      fill: "currentColor",
      fontVariant: "tabular-nums",
      ...HALO,
    }),
  ];
}

function pairMarks(shown: Shown[], panel: RowPanel, x: Domain): Plot.Markish[] {
  const rows = shown.filter((row): row is Drawn => row.value !== undefined);
  const pairs = rows.filter((row) => row.other !== undefined);
  return [
    Plot.link(pairs, {
      y: "id",
      x1: ({ value }: Drawn) => value.mean,
      x2: (row: Drawn) => row.other!.mean,
      stroke: MUTED,
      strokeWidth: 1.2,
    }),
    ...whiskers(rows, x, "currentColor"),
    ...pairs.map((row) =>
      Plot.dot([row], {
        y: "id",
        x: () => row.other!.mean,
        r: 3.6,
        stroke: row.look.color,
        strokeWidth: 1.6,
        fill: "var(--paper)",
        title: () => panel.text(row.other!.mean),
      }),
    ),
    ...rows.map((row) =>
      Plot.dot([row], {
        y: "id",
        x: () => row.value.mean,
        r: 4,
        symbol: row.look.symbol,
        fill: row.look.color,
        title: () => panel.text(row.value.mean),
      }),
    ),
  ];
}

export const numberText =
  (digits: number): ((value: number) => string) =>
  (value) =>
    fixed(value, digits);
