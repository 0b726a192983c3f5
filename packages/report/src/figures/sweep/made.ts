/** How the sweep was made: budget, machine, time, the command that makes it again, its config. */
import { escape } from "../../escape.js";
import type { Run } from "../../run.js";
import type { Figure } from "../figure.js";
import type { SweepInput } from "./input.js";

export function made({ sweep }: SweepInput): Figure {
  const { summary, config } = sweep;
  const runs = [...sweep.runs.values()];
  const machine = (of: (environment: Record<string, unknown>) => unknown): string =>
    distinct(
      runs.flatMap(({ environment }) =>
        typeof environment === "object" && environment !== null
          ? [text(of(environment as Record<string, unknown>))]
          : [],
      ),
    );
  const started = runs.flatMap(startOf).sort();
  const facts: [string, string][] = [
    ["directory", sweep.dir],
    ["command", "outright sweep sweep.yaml, with the config below"],
    ["budget of a run", `${summary.budget.amount.toLocaleString("en-US")} ${summary.budget.by}`],
    ["seeds", summary.seeds.join(", ")],
    ["λ", summary.lambdas.join(", ")],
    ["model", distinct(runs.map((run) => run.model))],
    [
      "parameters",
      distinct(
        runs.flatMap((run) =>
          Number.isFinite(run.parameters) ? [run.parameters.toLocaleString("en-US")] : [],
        ),
      ),
    ],
    ["device", machine((e) => e["device"]) || distinct(runs.map((run) => run.device))],
    [
      "processor",
      machine((e) =>
        e["processor"] === undefined ? "" : `${text(e["processor"])}, ${text(e["cores"])} cores`,
      ),
    ],
    ["system", machine((e) => e["platform"])],
    ["Node", machine((e) => e["node"])],
    [
      "started",
      started.length === 0
        ? ""
        : started[0] === started.at(-1)
          ? started[0]!
          : `${started[0]}; the last run ${started.at(-1)}`,
    ],
  ];
  const list = facts
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `<dt>${name}</dt><dd>${escape(value)}</dd>`);
  const yaml =
    config.trim() === ""
      ? '<p class="missing">no sweep.yaml</p>'
      : `<details><summary>sweep.yaml</summary><pre>${escape(config.trimEnd())}</pre></details>`;
  return {
    id: "made",
    title: "How it was made",
    caption: "What the sweep was asked to do, and where it ran.",
    html: `<dl>${list.join("")}</dl>${yaml}`,
    csv: { header: [], rows: [] },
  };
}

function startOf({ environment }: Run): string[] {
  const started = (environment as { started?: unknown } | null | undefined)?.started;
  return typeof started === "string" ? [started] : [];
}

/** What differs between runs is all told, up to three. */
function distinct(values: string[]): string {
  const all = [...new Set(values.filter((value) => value !== ""))];
  return all.slice(0, 3).join("; ") + (all.length > 3 ? `; ${all.length - 3} more` : "");
}

/** Where a library lies on that machine tells a reader nothing. */
const LOCAL = ["path"];

function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "object") return String(value);
  return Object.entries(value)
    .filter(([key, v]) => typeof v !== "object" && !LOCAL.includes(key))
    .map(([key, v]) => `${key} ${String(v)}`)
    .join(", ");
}
