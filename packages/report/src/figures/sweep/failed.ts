/** Runs that failed, with what they said. */
import { escape } from "../../escape.js";
import type { Figure } from "../figure.js";
import type { SweepInput } from "./input.js";

/** undefined where none failed */
export function failed({ sweep }: SweepInput): Figure | undefined {
  const rows = sweep.rows.filter((row) => row.status === "failed");
  if (rows.length === 0) return undefined;
  const body = rows.map(
    ({ id, label, lambda, seed, error }) =>
      `<tr><th scope="row">${escape(id)}</th><td class="words">${escape(label)}</td><td>${lambda ?? "–"}</td><td>${seed}</td><td class="words">${escape(error ?? "no reason told")}</td></tr>`,
  );
  return {
    id: "failed",
    title: `${rows.length} failed ${rows.length === 1 ? "run" : "runs"}`,
    caption:
      "They are in no figure and no mean. Running the sweep again tries them again; the seeds that the other numbers rest on are in the CSV files.",
    html: `<div class="scroll"><table><thead><tr>${["run", "method", "λ", "seed", "error"].map((name) => `<th scope="col"${name === "method" || name === "error" ? ' class="words"' : ""}>${name}</th>`).join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`,
    csv: {
      header: ["run", "method", "lambda", "seed", "error"],
      rows: rows.map(({ id, label, lambda, seed, error }) => [id, label, lambda ?? undefined, seed, error]),
    },
  };
}
