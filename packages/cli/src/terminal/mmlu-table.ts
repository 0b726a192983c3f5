/** What `outright eval mmlu` tells at its end. */
import { type Accuracy, GROUPS, groupOf, type MmluEvaluation } from "@outright/eval";
import { formatWhole } from "./format.js";

/** "  high_school_government_and_politics" is the longest */
const NAME = 37;

/** Overall, then each group with its subjects; no line is longer than 80 columns. */
export function mmluTable({ overall, groups, subjects }: MmluEvaluation): string {
  const lines = [line("", "rows", "accuracy", "standard error"), row("all", overall)];
  for (const group of GROUPS) {
    const accuracy = groups[group];
    if (accuracy === undefined) continue;
    lines.push("", row(group.replace("_", " "), accuracy));
    for (const [subject, accuracy] of Object.entries(subjects)) {
      if (groupOf(subject) === group) lines.push(row(`  ${subject}`, accuracy));
    }
  }
  return `${lines.join("\n")}\n`;
}

function row(name: string, { rows, accuracy, standardError }: Accuracy): string {
  return line(name, formatWhole(rows), accuracy.toFixed(4), standardError?.toFixed(4) ?? "-");
}

function line(name: string, rows: string, accuracy: string, standardError: string): string {
  return `${name.padEnd(NAME)}${rows.padStart(8)}${accuracy.padStart(10)}${standardError.padStart(16)}`;
}
