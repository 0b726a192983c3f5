/** Looks whether the files that a config names are there, before anything is loaded. */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { ConfigProblem } from "./source.js";
import type { RunConfig } from "./types.js";

/** `given` is the config as written: messages repeat the path as it was given. */
export function fileProblems(config: RunConfig, given: { model: string }): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (kindOf(config.model) !== "directory")
    problems.push({ path: ["model"], message: noModel(config.model, given.model) });
  if (config.lora !== undefined && "from" in config.lora) {
    const { from } = config.lora;
    const message =
      kindOf(from) === "directory"
        ? `holds no adapter (adapter_config.json): ${from}`
        : `no such directory: ${from}; give an adapter directory in peft's format`;
    if (kindOf(join(from, "adapter_config.json")) !== "file")
      problems.push({ path: ["lora", "from"], message });
  }
  for (const [name, objective] of Object.entries(config.objectives)) {
    problems.push(...dataProblems(objective.data, ["objectives", name, "data"]));
    if (objective.heldout !== undefined)
      problems.push(...dataProblems(objective.heldout, ["objectives", name, "heldout"]));
    if (
      objective.kind === "dpo" &&
      objective.reference !== undefined &&
      objective.reference !== "initial" &&
      kindOf(objective.reference) !== "directory"
    ) {
      const message = `no such directory: ${objective.reference}; give \`initial\` or a model directory`;
      problems.push({ path: ["objectives", name, "reference"], message });
    }
  }
  const { text } = config.evaluate;
  if (text !== undefined) problems.push(...dataProblems(text, ["evaluate", "text"]));
  return problems;
}

function dataProblems(file: string, path: string[]): ConfigProblem[] {
  const kind = kindOf(file);
  if (kind === "file") return [];
  return [
    { path, message: kind === "directory" ? `is a directory, not a file: ${file}` : `no such file: ${file}` },
  ];
}

function noModel(path: string, given: string): string {
  if (kindOf(path) === "file") return `is a file: ${path}; give the directory that holds config.json`;
  // owner/name with no other sign of a path
  const hubId = /^[\w.-]+\/[\w.-]+$/.test(given) && !given.startsWith(".");
  const hint = hubId ? "; model ids of a hub are not available yet, give a local Hugging Face directory" : "";
  return `no such directory: ${path}${hint}`;
}

function kindOf(path: string): "file" | "directory" | "none" {
  try {
    return statSync(path).isDirectory() ? "directory" : "file";
  } catch {
    return "none"; // not there, or below a file, or below a directory that may not be entered
  }
}
