/** f* of a run's objectives, by the rows they were measured on; and what names those rows. */
import { createHash } from "node:crypto";
import type { ObjectiveConfig, RunConfig } from "./config/index.js";
import type { Objective } from "./objective.js";

/** f* in nats by objective, of those that are known. */
export interface Optima {
  heldout: Readonly<Record<string, number>>;
  train: Readonly<Record<string, number>>;
}

/** What the config knows: `optima`, and MAXRIGHT's own `policy.optima`, which come first. */
export function knownOptima({ optima = {}, policy }: RunConfig): Optima {
  const entries = Object.entries(optima);
  const train = entries.flatMap(([name, known]) =>
    known.train === undefined ? [] : [[name, known.train] as const],
  );
  return {
    heldout: {
      ...Object.fromEntries(entries.map(([name, { heldout }]) => [name, heldout])),
      ...(policy.name === "maxright" ? policy.optima : {}),
    },
    train: Object.fromEntries(train),
  };
}

/** Names all that decides the loss of a model on an objective's evaluated rows, but the model. */
export function objectiveKey(objective: Objective, tokenizer: { hash: string }, config: RunConfig): string {
  const { data, name } = objective;
  const { data: _, heldout: __, batch: ___, ...own } = config.objectives[name] as ObjectiveConfig;
  const { rows, holdout, trainRows, splitSeed = config.seed } = config.evaluate;
  const decides = {
    version: 1,
    ...own,
    // by what is in it, not by where it lies
    reference: objective.referenceKeys().map(({ model }) => model),
    train: data.train.hash,
    held: data.held.hash,
    tokenizer: tokenizer.hash,
    maxLength: config.maxLength,
    truncate: config.truncate,
    evaluate: { rows, holdout, trainRows, splitSeed },
  };
  return createHash("sha256").update(JSON.stringify(decides)).digest("hex").slice(0, 32);
}

/** Lines that warn of optima measured on other rows, with another loss or another reference than this run evaluates. */
export function otherOptima(
  objectives: readonly Objective[],
  tokenizer: { hash: string },
  config: RunConfig,
): string[] {
  return objectives.flatMap((objective) => {
    const known = config.optima?.[objective.name];
    if (known?.key === undefined || known.key === objectiveKey(objective, tokenizer, config)) return [];
    return [
      `f* of ${objective.name} (${known.heldout}, from ${known.from}) was measured with other data, rows, loss or reference than this run has; measure it anew with \`outright optima\``,
    ];
  });
}
