/** Settings and environment of each run, folded. */
import { escape } from "../escape.js";
import { describePolicy, status } from "../facts.js";
import type { Figure, FigureInput } from "./figure.js";

export function settings({ runs }: FigureInput): Figure {
  const html = runs.map((run) => {
    const facts = [
      ["directory", run.dir],
      ["status", status(run)],
      ["policy", describePolicy(run.policy)],
      ["model", run.model],
      ["parameters", counted(run.parameters)],
      ["in adapters", counted(run.trainable)],
      ["device", run.device],
      ["notes", run.notes.join("; ")],
    ].filter(([, value]) => value !== "");
    const environment =
      run.environment === undefined
        ? ""
        : typeof run.environment === "string"
          ? run.environment
          : JSON.stringify(run.environment, null, 2);
    return (
      `<details><summary>${escape(run.name)}</summary><dl>${facts.map(([k, v]) => `<dt>${k}</dt><dd>${escape(v!)}</dd>`).join("")}</dl>` +
      block("config.yaml", run.config) +
      block("environment.json", environment) +
      "</details>"
    );
  });
  return {
    id: "settings",
    title: "Settings and environment",
    caption: "What each run was asked to do, and where it ran.",
    html: html.join(""),
    csv: { header: [], rows: [] },
  };
}

const counted = (count: number): string => (Number.isFinite(count) ? count.toLocaleString("en-US") : "");

const block = (name: string, text: string): string =>
  text.trim() === ""
    ? `<p class="missing">no ${name}</p>`
    : `<h4>${name}</h4><pre>${escape(text.trimEnd())}</pre>`;
