/** A run's first steps on a device that only counts: the bytes it would hold, and the kernel calls it would make. */
import { openAdapterDirectory } from "@outright/checkpoint";
import type { PairExample, SftExample } from "@outright/data";
import { createModel, type JsonConfig, type LanguageModel, trainableParameters } from "@outright/models";
import { type Device, type KindOfCall, type Label, Meter, type Parameter, scope } from "@outright/tensor";
import type { RunConfig } from "../config/index.js";
import { addAdapter, dropoutSeeds, startLora } from "../lora.js";
import { AdamW } from "../optimizer.js";
import { runPairBatch } from "../pair-batch.js";
import { runSftBatch } from "../sft-batch.js";
import { microBatchTokens } from "../tokens.js";

export type Batch = readonly SftExample[] | readonly PairExample[];

/** What is looked at of one objective before the first step. */
export interface ObjectiveSample {
  name: string;
  /** examples in the order in which the run trains on them, as many as are looked at */
  examples: Batch;
  /** some of the held-out ones, and how many there are in all */
  held: Batch;
  heldCount: number;
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

/** Most batches, and most examples, whose work is averaged; of a larger batch a part stands for all. */
const TIMED_BATCHES = 12;
const TIMED_EXAMPLES = 512;
const LARGEST_TIMED_BATCH = 256;
const WARM_UPS = 2;
/** Of the fullest micro-batches, as many are run to see how much memory they take. */
const LARGEST_ROWS = 3;

/** @param modelConfig config.json of the model; its weights are not needed. @param like a device of the run's kind */
export function simulate(
  config: RunConfig,
  modelConfig: JsonConfig,
  objectives: readonly ObjectiveSample[],
  like: Device,
): Simulation {
  const meter = new Meter(like);
  meter.label("weights");
  meter.device.headCacheBytes = config.headCache * 2 ** 20;
  const model = modelOf(config, modelConfig, meter.device);
  meter.label("optimizer");
  const optimizer = new AdamW(trainableParameters(model), config.optimizer, config.seed);
  meter.label("activations");
  meter.takeCalls();
  meter.resetPeak();

  const train: Record<string, Work> = {};
  const evaluate: Record<string, Work> = {};
  for (const { name, examples, held, heldCount, steps } of objectives) {
    const size = config.objectives[name]?.batch ?? 1;
    if (steps > 0 && examples.length > 0) {
      const batches = spread(examples, Math.min(size, LARGEST_TIMED_BATCH));
      const share = batches.reduce((sum, batch) => sum + batch.length, 0) / size;
      const budget = microBatchTokens(config.tokensPerMicroBatch, like);
      const accumulates = config.policy.name === "mix" || hasSeveralMicroBatches(examples, size, budget);
      if (accumulates) optimizer.keepGradients();
      const step = (batch: Batch) => {
        optimizer.zeroGradients();
        return run(model, config, name, batch, true);
      };
      train[name] = measured(meter, batches, share, step);
      for (const batch of largest(examples, size, budget)) step(batch);
      optimizer.zeroGradients();
      meter.takeCalls();
    }
    if (held.length > 0) {
      const share = held.length / heldCount;
      evaluate[name] = measured(meter, [held], share, () => run(model, config, name, held, false));
    }
  }
  if (config.policy.name === "mix" && config.policy.backward === "together") {
    const parts = objectives.filter(({ examples }) => examples.length > 0);
    holdTogether(model, config, parts);
    optimizer.zeroGradients();
    meter.takeCalls();
  }
  const update = measured(meter, [1, 2, 3], 3, () => {
    optimizer.zeroGradients();
    optimizer.update(config.optimizer.lr);
    return 0;
  });
  const parameters = [...model.parameters, ...(model.lora?.parameters ?? [])];
  const bytes = (of: (parameter: Parameter) => number) =>
    parameters.reduce((sum, parameter) => sum + of(parameter), 0);
  return {
    parameters: bytes(({ count }) => count),
    weightBytes: bytes(({ count, dtype }) => count * (dtype === "bfloat16" ? 2 : 4)),
    masterBytes: bytes(({ master }) => 2 * (master?.count ?? 0)),
    momentBytes: [...optimizer.m, ...optimizer.v].reduce((sum, { count }) => sum + 4 * count, 0),
    peakBytes: meter.peakBytes,
    peakParts: meter.peakParts,
    headWorkspaceBytes: meter.headWorkspaceBytes,
    train,
    evaluate,
    update,
  };
}

/** The model as a run makes it, on a device that only counts. */
function modelOf(config: RunConfig, modelConfig: JsonConfig, device: Device): LanguageModel {
  const { lora, dtype, optimizer } = config;
  const model = createModel(
    device,
    modelConfig,
    { undefined: true },
    { dtype, trainable: lora === undefined, master: lora === undefined && (optimizer.masters ?? true) },
  );
  model.recompute = config.recompute;
  if (lora === undefined) return model;
  if (!("from" in lora)) startLora(model, lora, "", { seed: config.seed, master: optimizer.masters ?? true });
  else {
    const adapter = openAdapterDirectory(lora.from);
    addAdapter(model, adapter, { trainable: true, dropout: lora.dropout ?? adapter.config.dropout });
  }
  return model;
}

/** The fullest batch of every objective through the model, before any backward pass: what Mix holds in one of them. */
function holdTogether(model: LanguageModel, config: RunConfig, objectives: readonly ObjectiveSample[]): void {
  scope(() => {
    const later: (() => void)[] = [];
    for (const { name, examples } of objectives) {
      const batch = fullestBatch(examples, config.objectives[name]?.batch ?? 1);
      run(model, config, name, batch, true, later);
    }
    for (const backward of later) backward();
  });
}

function fullestBatch(examples: Batch, size: number): Batch {
  const batches = Array.from({ length: Math.max(1, Math.floor(examples.length / size)) }, (_, i) =>
    examples.slice(i * size, (i + 1) * size),
  );
  const tokens = (batch: (typeof batches)[number]) => batch.reduce((sum, one) => sum + tokensOf(one), 0);
  return batches.reduce((a, b) => (tokens(b) > tokens(a) ? b : a)) as Batch;
}

/** Batches spread over the examples: their mean is a step's work. */
function spread(examples: Batch, size: number): Batch[] {
  const count = Math.max(1, Math.floor(examples.length / size));
  const timed = Math.min(count, Math.max(1, Math.min(TIMED_BATCHES, Math.floor(TIMED_EXAMPLES / size))));
  return Array.from({ length: timed }, (_, i) => {
    const first = Math.floor((i * count) / timed) * size;
    return examples.slice(first, first + size) as Batch;
  });
}

/** Whether a step meets gradients that it adds to, which then stand beside the activations. */
function hasSeveralMicroBatches(examples: Batch, size: number, budget: number): boolean {
  return largest(examples, size, budget).some((batch) => batch.length < Math.min(size, examples.length));
}

/** Those batches in the run's order whose fullest micro-batch has the most tokens. */
function largest(examples: Batch, size: number, budget: number): Batch[] {
  const count = Math.max(1, Math.floor(examples.length / size));
  const rows = Array.from({ length: count }, (_, index) => fullestRow(examples, index * size, size, budget));
  rows.sort((a, b) => b.tokens - a.tokens);
  return rows.slice(0, LARGEST_ROWS).map(({ from, to }) => examples.slice(from, to) as Batch);
}

/** The fullest micro-batch of a batch, as the packing fills them: its tokens and its examples. */
function fullestRow(examples: Batch, first: number, size: number, budget: number) {
  let fullest = { tokens: 0, from: first, to: first };
  let tokens = 0;
  let from = first;
  for (let at = first; at < Math.min(first + size, examples.length); at++) {
    const own = tokensOf(examples[at] as SftExample | PairExample);
    if (tokens > 0 && tokens + own > budget) {
      tokens = 0;
      from = at;
    }
    tokens += own;
    if (tokens > fullest.tokens) fullest = { tokens, from, to: at + 1 };
  }
  return fullest;
}

/** Places that an example takes in a row. */
function tokensOf(example: SftExample | PairExample): number {
  return "responseIds" in example
    ? example.promptIds.length + example.responseIds.length - 1
    : example.promptIds.length + example.chosenIds.length + example.rejectedIds.length - 1;
}

/** @returns tokens that went through the model */
function run(
  model: LanguageModel,
  config: RunConfig,
  name: string,
  batch: Batch,
  train: boolean,
  later?: (() => void)[],
): number {
  const objective = config.objectives[name];
  const tokensPerMicroBatch = microBatchTokens(config.tokensPerMicroBatch, model.device);
  const dropout = (microBatch: number) => dropoutSeeds(config.seed, 1, name, microBatch);
  const options = {
    weight: 1,
    train,
    tokensPerMicroBatch,
    ...(train ? { dropout } : {}),
    ...(later === undefined ? {} : { later }),
  };
  if (objective?.kind === "dpo") {
    const facts = {
      reference: objective.reference === undefined ? null : new Float64Array(2 * batch.length),
      quality: new Float64Array(batch.length),
    };
    return runPairBatch(model, batch as readonly PairExample[], facts, objective, options).tokens;
  }
  return runSftBatch(model, batch as readonly SftExample[], objective?.loss ?? "token-mean", options).tokens;
}

/** Runs `body` on each part and divides the work of all by `share`; the thread's own time is that of the quickest part. */
function measured<Item>(
  meter: Meter,
  parts: readonly Item[],
  share: number,
  body: (part: Item) => number,
): Work {
  let tokens = 0;
  let quickest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < WARM_UPS; i++) body(parts[0] as Item); // code that ran before is faster
  meter.takeCalls();
  for (const part of parts) {
    const before = process.cpuUsage();
    tokens += body(part);
    const { user, system } = process.cpuUsage(before);
    quickest = Math.min(quickest, user + system);
  }
  const calls = meter.takeCalls();
  for (const kind of calls.values()) {
    kind.work /= share;
    kind.flops /= share;
    kind.calls /= share;
  }
  return { calls, tokens: tokens / share, overhead: (quickest * parts.length) / 1e6 / share };
}
