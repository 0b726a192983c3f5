/** Results as text: a Markdown table, the same for the terminal and for README.md. */
import { machineLine } from "./machine.js";
import { type BenchFile, type Entry, meetsGoal, type SuiteResult } from "./results.js";

/** Three digits, with thousands' commas above 9999. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function goal(entry: Entry): string {
  if (entry.goal === undefined) return "";
  const wanted = "atLeast" in entry.goal ? `≥ ${entry.goal.atLeast}` : `≤ ${entry.goal.atMost}`;
  return `${wanted} ${meetsGoal(entry) ? "✓" : "✗"}`;
}

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

/** One suite as a Markdown section; facts that any entry has become columns, texts among them footnotes. */
export function suiteTable(suite: SuiteResult): string {
  const facts = [...new Set(suite.entries.flatMap(({ facts = {} }) => Object.keys(facts)))];
  const isText = (name: string) => suite.entries.some(({ facts = {} }) => typeof facts[name] === "string");
  const columns = facts.filter((name) => !isText(name));
  const withGoals = suite.entries.some((entry) => entry.goal !== undefined);
  const head = ["", "median", "unit", "min – max", "spread", ...(withGoals ? ["goal"] : []), ...columns];
  const lines = suite.entries.map((entry) => {
    const { median, min, max, spread, count } = entry.value;
    const cells = [entry.name, figure(median), entry.unit];
    cells.push(...(count > 1 ? [`${figure(min)} – ${figure(max)}`, percent(spread)] : ["", ""]));
    if (withGoals) cells.push(goal(entry));
    const fact = (name: string) => entry.facts?.[name];
    cells.push(...columns.map((name) => (fact(name) === undefined ? "" : figure(fact(name) as number))));
    return row(cells);
  });
  const align = head.map((_, i) => (i === 0 || i === 2 ? "---" : "---:"));
  return [
    suite.about,
    "",
    ...(suite.entries.length > 0 ? [row(head), row(align), ...lines, ""] : []),
    ...facts.filter(isText).flatMap((name) => notes(suite.entries, name)),
    ...suite.skipped.map(({ name, reason }) => `- SKIPPED ${name}: ${reason}`),
  ]
    .join("\n")
    .trim();
}

/** A text that many entries share is told once. */
function notes(entries: readonly Entry[], fact: string): string[] {
  const owners = new Map<string, string[]>();
  for (const { name, facts = {} } of entries) {
    const text = facts[fact];
    if (typeof text === "string") owners.set(text, [...(owners.get(text) ?? []), name]);
  }
  return [...owners].map(([text, names]) => `- ${names.join("; ")}: ${text}`);
}

/** A whole file as Markdown. */
export function fileTable(file: BenchFile, title: string): string {
  return [
    `## ${title}`,
    "",
    `${file.date}, commit ${file.commit}: \`${file.command}\``,
    "",
    machineLine(file.machine),
    ...file.suites.flatMap((suite) => ["", `### ${suite.suite}`, "", suiteTable(suite)]),
  ].join("\n");
}
