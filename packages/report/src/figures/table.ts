/** The summary table: sortable, the best of each column marked, a faint bar behind shares. */
import { escape } from "../escape.js";
import { describePolicy, status } from "../facts.js";
import { bestRows, formatValue, type Results, type ResultsColumn } from "../results.js";
import type { Figure, FigureInput } from "./figure.js";

export function table(results: Results, { runs }: Pick<FigureInput, "runs">): Figure {
  const { columns, rows } = results;
  const best = new Map(columns.map((column) => [column, bestRows(results, column)]));
  const head = columns
    .map(
      (c) =>
        `<th scope="col"${hint(c)}><button type="button">${escape(c.label)}${c.unit && c.unit !== "%" ? `\u00a0(${escape(c.unit)})` : ""}${arrow(c)}</button></th>`,
    )
    .join("");
  const body = rows.map((row, i) => {
    const run = runs.find((r) => r.name === row.name);
    const policy =
      run === undefined
        ? ""
        : [describePolicy(run.policy), run.end?.reason === "finished" ? "" : status(run)]
            .filter(Boolean)
            .join(" · ");
    const cells = columns.map((column) => {
      const value = row[column.key];
      const sort = typeof value === "number" ? value : typeof value === "string" ? value : "";
      const mark = best.get(column)!.has(i);
      const shown = escape(formatValue(value, column));
      return `<td data-sort="${escape(String(sort))}"${bar(column, value)}>${mark ? `<b title="best">${shown} ◂</b>` : shown}</td>`;
    });
    return `<tr><th scope="row">${escape(row.name)}${policy ? `<small>${escape(policy)}</small>` : ""}</th>${cells.join("")}</tr>`;
  });
  const notes = results.notes.map((note) => `<li>${escape(note)}</li>`).join("");
  return {
    id: "summary",
    title: results.title || "Summary",
    caption: "◂ marks the best of a column; click a heading to sort.",
    html:
      `<div class="scroll"><table><thead><tr><th scope="col"><button type="button">run</button></th>${head}</tr></thead><tbody>${body.join("")}</tbody></table></div>` +
      (notes ? `<ul class="notes">${notes}</ul>` : ""),
    csv: {
      header: ["run", ...columns.map((c) => (c.unit && c.unit !== "%" ? `${c.label} (${c.unit})` : c.label))],
      rows: rows.map((row) => [row.name, ...columns.map((c) => row[c.key] ?? undefined)]),
    },
  };
}

const arrow = (c: ResultsColumn): string =>
  c.better === "high" ? "\u00a0↑" : c.better === "low" ? "\u00a0↓" : "";
const hint = (c: ResultsColumn): string =>
  c.better === undefined ? "" : ` title="${c.better === "high" ? "higher" : "lower"} is better"`;

/** Shares carry a bar of their length, so that right answers and refusals are seen at a glance. */
function bar(column: ResultsColumn, value: unknown): string {
  if (column.unit !== "%" || typeof value !== "number" || !(value >= 0 && value <= 1)) return "";
  return ` style="--share:${(100 * value).toFixed(1)}%"`;
}
