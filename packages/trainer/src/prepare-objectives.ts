/** From the config to objectives that can train and be evaluated: their data, streams and reference log-probs. */
import type { PairExample, SftExample, Tokenizer } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import type { Device } from "@outright/tensor";
import type { RunConfig } from "./config/index.js";
import type { ProgressEvent } from "./events.js";
import { loadMargins } from "./margins.js";
import { DpoObjective, type Objective, SftObjective } from "./objective.js";
import { loadObjectiveData, type ObjectiveData, objectiveStream } from "./objective-data.js";
import { plannedSteps } from "./policy-plan.js";
import { prepareReferences } from "./reference/prepare.js";
import type { Tokenising } from "./tokenising.js";

export interface ObjectivesContext {
  config: RunConfig;
  device: Device;
  tokenizer: Tokenizer;
  /** the model before its first step */
  model: LanguageModel;
  /** names its weights, adapters aside */
  identity: string;
  tokenising: Tokenising;
  warn: (message: string) => void;
  /** may throw to end it, as `progress` may */
  tell: (event: ProgressEvent) => void;
  progress: (event: ProgressEvent) => Promise<void>;
  /** steps in which each objective can train; default: as the policy says */
  steps?: Readonly<Record<string, number>>;
}

/** All objectives in the order of the config. @throws one-line errors for everything a person can mend */
export async function prepareObjectives(context: ObjectivesContext): Promise<Objective[]> {
  const { config, tokenizer, tokenising, warn } = context;
  const steps = context.steps ?? plannedSteps(config);
  const objectives: Objective[] = [];
  for (const [name, objective] of Object.entries(config.objectives)) {
    const data = await loadObjectiveData(name, objective, config, tokenizer, tokenising, warn);
    const stream = objectiveStream(name, data, config);
    if (objective.kind === "sft") {
      objectives.push(new SftObjective(name, objective, data as ObjectiveData<SftExample>, stream));
      continue;
    }
    const pairs = data as ObjectiveData<PairExample>;
    const margins = await loadMargins(objective, pairs, (stage, done, total) =>
      context.tell({ type: "progress", stage, done, total }),
    );
    const references = await prepareReferences(objective, pairs, stream, steps[name] ?? 0, {
      config,
      device: context.device,
      model: context.model,
      identity: context.identity,
      tokenizer,
      tokenised: (examples) => tokenising.finish([examples]),
      progress: (done, total) =>
        context.progress({
          type: "progress",
          stage: `reference log-probs of ${name}`,
          done,
          total,
          unit: "pairs",
        }),
    });
    objectives.push(new DpoObjective(name, objective, pairs, stream, references, margins));
  }
  return objectives;
}
