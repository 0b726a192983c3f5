/** `outright optima`: f* of each objective, from a run on each alone with the config's own budget. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@outright/checkpoint";
import type { RunConfig } from "@outright/trainer";
import type { SweepConfig } from "./config.js";
import { differingKeys, INPUTS } from "./directory.js";
import { changedInputs, hashInputs } from "./inputs.js";
import { planRuns } from "./plan.js";
import { type RunSweepOptions, runSweep, type SweepResult } from "./sweep.js";

/**
 * Trains each objective of a run config alone, from the same model and for as many steps, and writes optima.json. What is there
 * already is kept where nothing that decides it changed, and made anew where something did.
 * @param out directory of the runs and of optima.json
 */
export async function runOptima(
  config: RunConfig,
  out: string,
  options: RunSweepOptions = {},
): Promise<SweepResult> {
  const kinds = (kind: "sft" | "dpo") =>
    Object.entries(config.objectives).find(([, objective]) => objective.kind === kind)?.[0] ?? "";
  const budget = config.budget ?? { steps: config.steps };
  const sweep: SweepConfig = {
    version: 1,
    methods: [{ name: "single", lambdas: [], seeds: [config.seed], every: [] }],
    budget,
    optima: "measure",
    keep: "models",
    jobs: 1,
    out,
    base: config,
    sft: kinds("sft"),
    dpo: kinds("dpo"),
  };
  const inputs = await hashInputs(config);
  const changed = changes(sweep, inputs);
  if (changed.length > 0) {
    const message = `f* is measured anew, since other than before are: ${changed.join(", ")}`;
    options.onEvent?.({ type: "notice", level: "info", message });
    // the mark stays: killed in between, the directory is still ours
    writeFileAtomic(join(out, INPUTS), `${JSON.stringify(inputs, null, 2)}\n`);
    const tables = ["optima.json", "results.jsonl", "results.csv", "summary.json"];
    for (const name of tables) rmSync(join(out, name), { force: true });
    for (const { id } of planRuns(sweep)) rmSync(join(out, "runs", id), { recursive: true, force: true });
  }
  return await runSweep(sweep, { ...options, what: "optima" });
}

/** Inputs and config keys in which an earlier measurement differs; none where all is the same, or there is none. */
function changes(sweep: SweepConfig, now: Readonly<Record<string, string>>): string[] {
  const path = join(sweep.out, INPUTS);
  if (!existsSync(path)) return [];
  let before: Record<string, string> = {};
  try {
    before = JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  } catch {
    // unreadable: all of it counts as changed
  }
  const configs = planRuns(sweep).flatMap(({ config }) => config?.({ optima: {}, perStep: {} }) ?? []);
  return [...new Set([...changedInputs(before, now), ...configs.flatMap(differingKeys)])];
}
