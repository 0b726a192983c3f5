/** Tables of methods: losses, gaps, distances and costs with their intervals. */
import type { Cell } from "../../csv.js";
import { escape } from "../../escape.js";
import { title } from "../../facts.js";
import { bestPoint } from "../../sweep/choose.js";
import type { Interval, Point, SweepCurve, SweepSummary } from "../../sweep/format.js";
import { cellNames, cells, known } from "../../sweep/intervals.js";
import type { Figure } from "../figure.js";
import { BYTES, COUNT, digitsFor, fixed, plus, SECONDS, unitFor, withHalf } from "./format.js";
import type { SweepInput } from "./input.js";

interface Entry {
  curve: SweepCurve;
  point: Point;
}

interface Column {
  title: string;
  /** which end is the better one */
  better?: "low" | "high";
  of: (entry: Entry) => Interval | undefined;
  /** text of a cell, once all its column's values are known */
  text: (values: number[]) => (value: Interval) => string;
  /** added to the title, once all values are known */
  unit?: (values: number[]) => string;
}

const plain = (values: number[]) => {
  const digits = Math.max(3, digitsFor(values));
  return (value: Interval): string => withHalf(value, digits);
};

const inUnits = (units: [number, string][]) => ({
  text: (values: number[]) => {
    const { by } = unitFor(values, units);
    const digits = digitsFor(values.map((v) => v / scaleOfUnit(by, units)));
    return (v: Interval): string => {
      const s = scaleOfUnit(by, units);
      return withHalf({ mean: v.mean / s, low: v.low / s, high: v.high / s, n: v.n }, digits);
    };
  },
  unit: (values: number[]) => unitFor(values, units).name,
});

/** Minutes and hours are told from later than they begin. */
const scaleOfUnit = (by: number, units: [number, string][]): number =>
  units === SECONDS ? ({ 600: 60, 36000: 3600 }[by] ?? 1) : by;

const percent = {
  text: () => (value: Interval) =>
    value.n > 1 ? `${plus(value.mean)} ± ${fixed((value.high - value.low) / 2, 0)}` : plus(value.mean),
};

const share = { text: () => (value: Interval) => `${fixed(100 * value.mean, 0)} %` };

function columnsOf(summary: SweepSummary): Column[] {
  const names = Object.keys(summary.objectives);
  return [
    ...names.map(
      (name): Column => ({
        title: `${title(name)} loss`,
        better: "low",
        of: ({ point }) => known(point.heldout.losses[name]),
        text: plain,
      }),
    ),
    ...names.map(
      (name): Column => ({
        title: `${title(name)} gap`,
        better: "low",
        of: ({ point }) => known(point.heldout.gaps[name]),
        text: plain,
      }),
    ),
    {
      title: "ideal distance",
      better: "low",
      of: ({ point }) => known(point.heldout.idealDistance),
      text: plain,
    },
    {
      title: "scaled distance",
      better: "low",
      of: ({ point }) => known(point.heldout.scaledDistance),
      text: plain,
    },
    {
      title: "hypervolume",
      better: "high",
      of: ({ curve }) => known(curve.hypervolume?.heldout),
      text: plain,
    },
    { title: "time", better: "low", of: ({ point }) => known(point.seconds), ...inUnits(SECONDS) },
    {
      title: "time, %",
      of: ({ point }) => known(point.increase?.seconds),
      ...percent,
    },
    { title: "tokens", of: ({ point }) => known(point.tokens), ...inUnits(COUNT) },
    {
      title: "memory",
      better: "low",
      of: ({ point }) => known(point.peakTensorBytes),
      ...inUnits(BYTES),
    },
    {
      title: "memory, %",
      of: ({ point }) => known(point.increase?.peakTensorBytes),
      ...percent,
    },
    {
      title: "memory of process",
      better: "low",
      of: ({ point }) => known(point.peakRssBytes),
      ...inUnits(BYTES),
    },
    { title: "CPU used", of: ({ point }) => known(point.cpuUtilization), ...share },
    { title: "GPU used", of: ({ point }) => known(point.gpuUtilization), ...share },
  ];
}

function tableHtml(entries: Entry[], columns: Column[]): string {
  const hasSeeds = entries.some(({ point }) => point.seconds?.n > 1);
  const laid = columns.map((column) => {
    const values = entries.map((entry) => column.of(entry));
    const numbers = values.flatMap((v) => (v === undefined ? [] : [v.mean]));
    const best = bestOf(numbers, column.better);
    return { column, values, text: column.text(numbers), unit: column.unit?.(numbers) ?? "", best };
  });
  const arrow = ({ better }: Column): string =>
    better === "high" ? "\u00a0↑" : better === "low" ? "\u00a0↓" : "";
  const button = (text: string): string => `<th scope="col"><button type="button">${text}</button></th>`;
  const head = laid.map(({ column, unit }) =>
    button(`${escape(column.title)}${unit === "" ? "" : ` (${unit})`}${arrow(column)}`),
  );
  const body = entries.map(({ curve, point }, i) => {
    const notes = [
      hasSeeds && point.seconds?.n === 1 ? "one seed" : "",
      point.failed > 0 ? `${point.failed} failed` : "",
    ].filter(Boolean);
    const name = `<th scope="row">${escape(curve.label)}${notes.length > 0 ? `<small>${notes.join(", ")}</small>` : ""}</th>`;
    const numbers = laid.map(({ values, text, best }) => {
      const value = values[i];
      if (value === undefined) return '<td data-sort="">–</td>';
      const shown = escape(text(value)).replace(/ (± \S+)$/, "<small>$1</small>");
      return `<td data-sort="${value.mean}">${value.mean === best ? mark(shown) : shown}</td>`;
    });
    return `<tr>${name}<td data-sort="${point.lambda ?? ""}">${point.lambda ?? "–"}</td>${numbers.join("")}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr>${button("method")}${button("λ")}${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

/** The sign stands beside the mean, above the half interval. */
const mark = (shown: string): string => {
  const [mean, ...rest] = shown.split("<small>");
  return `<b title="best">${mean} ◂</b>${rest.map((part) => `<small>${part}`).join("")}`;
};

/** None where all are equal, or where most are as good as the best. */
function bestOf(numbers: number[], better: Column["better"]): number | undefined {
  if (better === undefined) return undefined;
  const best = better === "low" ? Math.min(...numbers) : Math.max(...numbers);
  return numbers.filter((value) => value === best).length > numbers.length / 2 ? undefined : best;
}

const csvOf = (entries: Entry[], columns: Column[]): { header: string[]; rows: Cell[][] } => ({
  header: ["method", "lambda", ...columns.flatMap((column) => cellNames(column.title))],
  rows: entries.map((entry) => [
    entry.curve.label,
    entry.point.lambda ?? undefined,
    ...columns.flatMap((column) => cells(column.of(entry))),
  ]),
});

const told = (entries: Entry[], columns: Column[]): Column[] =>
  columns.filter((column) => entries.some((entry) => column.of(entry) !== undefined));

/** The answer's sentences, and every method at the λ that serves it best. */
export function answer({ sweep }: SweepInput): Figure {
  const { summary } = sweep;
  const entries = summary.curves.flatMap((curve): Entry[] => {
    const point = bestPoint(curve);
    return point === undefined ? [] : [{ curve, point }];
  });
  const columns = told(entries, columnsOf(summary)).filter(
    ({ title: name }) => !["memory of process", "CPU used", "GPU used"].includes(name),
  );
  const sentences =
    summary.answer.length > 0
      ? summary.answer.map((sentence) => `<p>${escape(sentence)}</p>`).join("")
      : `<p>${sweep.isComplete ? "The sweep states no answer; compare the methods below." : "The sweep has not ended, so there is no answer yet; this is what its runs show so far."}</p>`;
  return {
    id: "answer",
    title: sweep.isComplete ? "Answer" : "So far",
    caption:
      "Each method at the λ with its smallest held-out ideal distance. ± is half a 95 % interval over seeds; the ideal distance is √Σ gap², scaled: each gap divided by its range, from f* to the loss that training on the other objective alone ends with; the hypervolume is the area of the scaled plane (1 up to the ideal point) that " +
      `a method's whole front dominates. Memory is the most that tensors held at once; % is more than ${summary.baseline.label} at the same λ. ◂ marks the best of a column; click a heading to sort.`,
    html: `<div class="answer">${sentences}</div>${entries.length > 0 ? tableHtml(entries, columns) : ""}`,
    csv: csvOf(entries, columns),
  };
}

/** Every method at every λ. */
export function numbers({ sweep }: SweepInput): Figure {
  const entries = sweep.summary.curves.flatMap((curve) => curve.points.map((point) => ({ curve, point })));
  const columns = told(entries, columnsOf(sweep.summary)).filter(({ title: name }) => name !== "hypervolume");
  const figure: Figure = {
    id: "numbers",
    title: "All numbers",
    caption:
      "Every method at every λ, means ± half a 95 % interval over seeds, on held-out rows. The CSV has the ends of the intervals and the number of seeds; one line for each run is in results.csv beside this page.",
    csv: csvOf(entries, columns),
  };
  if (entries.length === 0) return { ...figure, missing: "No run has finished yet." };
  return {
    ...figure,
    html: `<details open><summary>${entries.length} rows</summary>${tableHtml(entries, columns)}</details>`,
  };
}
