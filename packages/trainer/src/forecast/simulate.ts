/** A run's first steps on a device that only counts: the bytes it would hold, and the kernel calls it would make. */
import type { PairExample, SftExample } from "@outright/data";
import { createModel, type JsonConfig, type LanguageModel } from "@outright/models";
import { type Device, type KindOfCall, type Label, Meter, type Parameter } from "@outright/tensor";
import type { RunConfig } from "../config/index.js";
import { runDpoBatch } from "../dpo-batch.js";
import type { ObjectiveData } from "../objective-data.js";
import { AdamW } from "../optimizer.js";
import { runSftBatch } from "../sft-batch.js";
import { microBatchTokens } from "../tokens.js";

/** What is known of one objective before the first step. */
export interface ObjectiveSample {
  name: string;
  data: ObjectiveData<SftExample> | ObjectiveData<PairExample>;
  /** positions among the training rows in the order of the run's stream */
  order: readonly number[];
  /** steps in which it trains */
  steps: number;
}

export type Calls = Map<string, KindOfCall>;

export interface Work {
  calls: Calls;
  /** tokens through the model */
  tokens: number;
  /** seconds that the calling thread itself needs */
  overhead: number;
}

export interface Simulation {
  parameters: number;
  /** bytes that live from the first step to the last */
  weightBytes: number;
  masterBytes: number;
  gradientBytes: number;
  momentBytes: number;
  /** most bytes in buffers of the device, and what they are for at that moment */
  peakBytes: number;
  peakParts: Readonly<Partial<Record<Label, number>>>;
  headWorkspaceBytes: number;
  /** per objective: one step's forward and backward passes, and the held-out rows' forward pass; means */
  train: Record<string, Work>;
  evaluate: Record<string, Work>;
  /** zeroing gradients, their norm, the update */
  update: Work;
}

/** Batches whose work is averaged. */
const TIMED_BATCHES = 12;
/** Batches among which the largest are looked for. */
const SEARCHED_BATCHES = 2000;
/** Of the largest batches, as many are run. */
const LARGEST_BATCHES = 2;
/** Held-out rows whose work stands for all. */
const TIMED_HELD_ROWS = 64;

/** @param modelConfig config.json of the model; its weights are not needed. @param like a device of the run's kind */
export function simulate(
  config: RunConfig,
  modelConfig: JsonConfig,
  objectives: readonly ObjectiveSample[],
  like: Device,
): Simulation {
  const meter = new Meter(like);
  meter.label("weights");
  const model = createModel(meter.device, modelConfig, { undefined: true });
  model.recompute = config.recompute;
  meter.label("optimizer");
  const optimizer = new AdamW(model.parameters, config.optimizer);
  meter.label("activations");
  meter.takeCalls();
  meter.resetPeak();

  const train: Record<string, Work> = {};
  const evaluate: Record<string, Work> = {};
  for (const objective of objectives) {
    const batches = batchesOf(objective, config);
    if (objective.steps > 0 && batches.timed.length > 0) {
      train[objective.name] = measured(meter, batches.timed.length, () =>
        batches.timed.reduce((sum, batch) => sum + run(model, config, objective.name, batch, true), 0),
      );
      for (const batch of batches.largest) run(model, config, objective.name, batch, true);
      meter.takeCalls();
    }
    const held = [...objective.data.heldIndices].slice(0, TIMED_HELD_ROWS);
    if (held.length > 0) {
      const examples = held.map((index) => objective.data.held.examples[index]) as Batch;
      const share = held.length / objective.data.heldIndices.length;
      evaluate[objective.name] = measured(meter, share, () =>
        run(model, config, objective.name, examples, false),
      );
    }
  }
  const update = measured(meter, 1, () => {
    optimizer.zeroGradients();
    optimizer.update(config.optimizer.lr, optimizer.gradientNorm());
    return 0;
  });
  const bytes = (of: (parameter: Parameter) => number) =>
    model.parameters.reduce((sum, parameter) => sum + of(parameter), 0);
  return {
    parameters: bytes(({ count }) => count),
    weightBytes: bytes(({ count, dtype }) => count * (dtype === "bfloat16" ? 2 : 4)),
    masterBytes: bytes(({ master }) => 4 * (master?.count ?? 0)),
    gradientBytes: bytes(({ grad }) => 4 * (grad?.count ?? 0)),
    momentBytes: [...optimizer.m, ...optimizer.v].reduce((sum, { count }) => sum + 4 * count, 0),
    peakBytes: meter.peakBytes,
    peakParts: meter.peakParts,
    headWorkspaceBytes: meter.headWorkspaceBytes,
    train,
    evaluate,
    update,
  };
}

type Batch = SftExample[] | PairExample[];

/** Batches in the run's order: some spread over it, whose mean is a step's work, and the largest. */
function batchesOf({ name, data, order, steps }: ObjectiveSample, config: RunConfig) {
  const size = config.objectives[name]?.batch ?? 1;
  const count = Math.min(steps, Math.floor(order.length / size), SEARCHED_BATCHES);
  const batch = (index: number) =>
    order
      .slice(index * size, (index + 1) * size)
      .map((position) => data.train.examples[data.trainIndices[position] as number]) as Batch;
  const budget = microBatchTokens(config.tokensPerMicroBatch);
  const sizes = Array.from({ length: count }, (_, index) => ({
    index,
    size: largestRow(batch(index), budget),
  }));
  sizes.sort((a, b) => b.size - a.size);
  const timed = Math.min(count, TIMED_BATCHES);
  return {
    timed: Array.from({ length: timed }, (_, i) => batch(Math.floor((i * count) / timed))),
    largest: sizes.slice(0, LARGEST_BATCHES).map(({ index }) => batch(index)),
  };
}

/** Tokens of the fullest micro-batch, as the packing fills them. */
function largestRow(batch: Batch, budget: number): number {
  let largest = 0;
  let row = 0;
  for (const example of batch) {
    const tokens = tokensOf(example);
    row = row > 0 && row + tokens > budget ? tokens : row + tokens;
    largest = Math.max(largest, row);
  }
  return largest;
}

function tokensOf(example: SftExample | PairExample): number {
  return "responseIds" in example
    ? example.promptIds.length + example.responseIds.length
    : example.promptIds.length + example.chosenIds.length + example.rejectedIds.length;
}

/** @returns tokens that went through the model */
function run(model: LanguageModel, config: RunConfig, name: string, batch: Batch, train: boolean): number {
  const objective = config.objectives[name];
  const tokensPerMicroBatch = microBatchTokens(config.tokensPerMicroBatch);
  const options = { weight: 1, train, tokensPerMicroBatch };
  if (objective?.kind === "dpo") {
    const reference = new Float64Array(2 * batch.length);
    return runDpoBatch(model, batch as PairExample[], reference, objective.beta, options).tokens;
  }
  return runSftBatch(model, batch as SftExample[], objective?.loss ?? "token-mean", options).tokens;
}

/** Runs `body` and divides what it took by `share`. */
function measured(meter: Meter, share: number, body: () => number): Work {
  const begun = performance.now();
  const tokens = body();
  const overhead = (performance.now() - begun) / 1000 / share;
  const calls = meter.takeCalls();
  for (const kind of calls.values()) {
    kind.work /= share;
    kind.flops /= share;
    kind.calls /= share;
  }
  return { calls, tokens: tokens / share, overhead };
}
