/** What the sweep itself took: every method's runs, and the runs that f* came from. */
import { escape } from "../../escape.js";
import type { SweepRow } from "../../sweep/format.js";
import type { Figure } from "../figure.js";
import { BYTES, COUNT, fixed, unitFor } from "./format.js";
import type { SweepInput } from "./input.js";

interface Cost {
  name: string;
  runs: number | undefined;
  seconds: number;
  tokens: number;
  bytes: number;
}

export function costs({ sweep }: SweepInput): Figure {
  const { summary } = sweep;
  const sum = (rows: SweepRow[], of: (row: SweepRow) => number): number =>
    rows.reduce((total, row) => total + (of(row) || 0), 0);
  const finished = sweep.rows.filter((row) => row.status === "finished");
  // an average's costs are those of the runs it is made of, which stand among the rows themselves
  const trained = finished.filter((row) => row.method !== "average");
  const hasSingles = trained.some((row) => row.method === "single");
  const lines: Cost[] = summary.curves.flatMap(({ curve, label }): Cost[] => {
    const rows = finished.filter((row) => row.curve === curve);
    if (rows.length === 0) return [];
    return [
      {
        name: rows[0]!.method === "average" ? `${label} (of runs above)` : label,
        runs: rows.length,
        seconds: sum(rows, (row) => row.seconds),
        tokens: sum(rows, (row) => row.tokens),
        bytes: Math.max(...rows.map((row) => row.peakTensorBytes ?? 0)),
      },
    ];
  });
  const { seconds, tokens } = summary.optimaCost ?? {};
  if (seconds! > 0 || tokens! > 0)
    lines.push({
      name: `optima f*, each objective alone${hasSingles ? " (among the runs above)" : ""}`,
      runs: undefined,
      seconds: seconds ?? 0,
      tokens: tokens ?? 0,
      bytes: 0,
    });
  const figure: Figure = {
    id: "costs",
    title: "What this sweep took",
    caption:
      "Training steps alone, without evaluations. The optima are found once for the whole sweep; MAXRIGHT needs them to decide, the other methods only to be measured.",
    csv: {
      header: ["what", "runs", "seconds", "tokens", "most bytes of tensors"],
      rows: lines.map(({ name, runs, seconds: s, tokens: t, bytes }) => [
        name,
        runs,
        s,
        t,
        bytes || undefined,
      ]),
    },
  };
  if (lines.length === 0) return { ...figure, missing: "No run has finished yet." };
  const row = (head: string, cells: (string | number)[], tag = "td"): string =>
    `<tr><th scope="row">${escape(head)}</th>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  const all = {
    runs: trained.length,
    seconds: sum(trained, (row) => row.seconds) + (hasSingles ? 0 : (seconds ?? 0)),
    tokens: sum(trained, (row) => row.tokens) + (hasSingles ? 0 : (tokens ?? 0)),
  };
  const body = lines.map((line) =>
    row(line.name, [
      line.runs ?? "–",
      duration(line.seconds),
      amount(line.tokens, COUNT),
      line.bytes > 0 ? amount(line.bytes, BYTES) : "–",
    ]),
  );
  return {
    ...figure,
    html:
      `<div class="scroll"><table class="narrow"><thead><tr><th scope="col">what</th><th scope="col">runs</th><th scope="col">time</th><th scope="col">tokens</th><th scope="col">most memory of tensors</th></tr></thead><tbody>${body.join("")}</tbody>` +
      `<tfoot>${row("all", [all.runs, duration(all.seconds), amount(all.tokens, COUNT), ""])}</tfoot></table></div>`,
  };
}

function amount(value: number, units: [number, string][]): string {
  const { by, name } = unitFor([value], units);
  return `${fixed(value / by, by === 1 ? 0 : 1)} ${name}`.trim();
}

/** "42.1 s", "12 min 5 s", "3 h 20 min" */
export function duration(seconds: number): string {
  if (seconds < 60) return `${fixed(seconds, 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
