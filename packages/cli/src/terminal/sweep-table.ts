/** A sweep's summary as a table for the terminal: a line for each method and λ. */
import type { CurvePoint, Interval, SweepSummary } from "@outright/sweep";

export function sweepTable({ curves, objectives, baseline }: SweepSummary): string {
  const names = Object.keys(objectives);
  const header = [
    "method",
    "λ",
    ...names.map((name) => `${name} loss`),
    "distance",
    "scaled",
    "seconds",
    ...(baseline === null ? [] : ["time", "memory"]),
    "n",
  ];
  const rows = curves.flatMap(({ label, points }) =>
    points.map((point) => [
      label,
      point.lambda === null ? "" : String(point.lambda),
      ...names.map((name) => cell(point.heldout.losses[name] as Interval, 4)),
      cell(point.heldout.idealDistance, 3),
      cell(point.heldout.scaledDistance, 3),
      cell(point.seconds, 1),
      ...(baseline === null ? [] : increases(point)),
      String(point.seeds.length),
    ]),
  );
  const widths = header.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(header), ...rows.map(line)].join("\n");
}

/** "0.213±0.021" */
function cell({ mean, high, n }: Interval, digits: number): string {
  return n < 2 ? mean.toFixed(digits) : `${mean.toFixed(digits)}±${(high - mean).toFixed(digits)}`;
}

function increases({ increase }: CurvePoint): string[] {
  if (increase === null) return ["", ""];
  const { seconds, peakTensorBytes } = increase;
  return [percent(seconds), peakTensorBytes === null ? "" : percent(peakTensorBytes)];
}

const percent = ({ mean }: Interval): string => `${mean < 0 ? "−" : "+"}${Math.abs(mean).toFixed(0)} %`;
