/** All that a run must remember to go on bit for bit, and how it goes to and from a checkpoint. */
import type { JsonValue, LoadedCheckpoint, RunDirectory, TensorSource } from "@outright/checkpoint";
import type { StreamState } from "@outright/data";
import { type LanguageModel, trainableParameters } from "@outright/models";
import type { Policy, PolicyState } from "@outright/policies";
import type { Parameter, Tensor } from "@outright/tensor";
import type { StepTotals } from "./events.js";
import type { Objective } from "./objective.js";
import type { AdamW } from "./optimizer.js";
import type { ReferenceKey } from "./reference/cache.js";

/** 2: streams count the rows that they passed over; before, only rows that were kept. */
const STATE_VERSION = 2;

/** The JSON part of a checkpoint (`state.json`). The generators are counter-based: the seed and these positions say all. */
export interface RunState {
  version: typeof STATE_VERSION;
  step: number;
  seed: number;
  /** updates made with the present moments */
  optimizerUpdates: number;
  streams: Record<string, StreamState>;
  policy: PolicyState;
  /** what the reference log-probs in use were made from */
  references: Record<string, ReferenceKey[]>;
  /** names the weights the run started from: what KL is measured from and adapters stand on, and not in the checkpoint */
  base?: string;
  /** hashes of the data files, so that a changed file is noticed */
  data: Record<string, string>;
  /** of `evaluate.text`, where there is one */
  text?: string;
  stepsPerObjective: Record<string, number>;
  /** time so far, with evaluations and checkpoints */
  seconds: number;
  /** what the training steps took so far; absent in checkpoints of earlier versions */
  training?: StepTotals;
  peakRssBytes?: number;
  peakTensorBytes?: number;
  /** length of metrics.jsonl at this point */
  metricsBytes: number;
}

export interface Trained {
  model: LanguageModel;
  /** names the weights the run started from (`modelIdentity`) */
  identity: string;
  optimizer: AdamW;
  policy: Policy;
  objectives: readonly Objective[];
  /** hash of `evaluate.text`, where there is one */
  text?: string | undefined;
}

export interface Counters {
  step: number;
  seconds: number;
  stepsPerObjective: Record<string, number>;
  training: StepTotals;
  peakTensorBytes: number;
  peakRssBytes: number;
}

export const noCounters = (threads: number): Counters => ({
  step: 0,
  seconds: 0,
  stepsPerObjective: {},
  training: { seconds: 0, cpuSeconds: 0, threads, tokens: 0, lossTokens: 0, pairs: 0 },
  peakTensorBytes: 0,
  peakRssBytes: 0,
});

/** Writes `checkpoints/step-N`: the weights that train, their moments, and state. */
export function saveRun(
  run: RunDirectory,
  trained: Trained,
  counters: Counters,
  seed: number,
  metricsBytes: number,
  keep: number,
): void {
  const { model, optimizer, policy, objectives } = trained;
  const state: RunState = {
    version: STATE_VERSION,
    step: counters.step,
    seed,
    optimizerUpdates: optimizer.updates,
    streams: Object.fromEntries(objectives.map(({ name, stream }) => [name, stream.state()])),
    policy: policy.state(),
    references: Object.fromEntries(
      objectives.map((objective) => [objective.name, objective.referenceKeys()]),
    ),
    base: trained.identity,
    data: dataHashes(objectives),
    ...(trained.text === undefined ? {} : { text: trained.text }),
    stepsPerObjective: counters.stepsPerObjective,
    seconds: counters.seconds,
    training: counters.training,
    peakTensorBytes: counters.peakTensorBytes,
    peakRssBytes: counters.peakRssBytes,
    metricsBytes,
  };
  const parameters = trainableParameters(model);
  run.saveCheckpoint(
    counters.step,
    {
      tensors: {
        weights: parameterTensors(parameters),
        optimizer: [
          ...momentTensors("m", parameters, optimizer.m),
          ...momentTensors("v", parameters, optimizer.v),
        ],
      },
      state: state as unknown as JsonValue,
    },
    keep,
  );
}

/** Puts a checkpoint back. @throws when it belongs to other data or another kind of run */
export function restoreRun(checkpoint: LoadedCheckpoint, trained: Trained): RunState {
  const state = checkpoint.state as unknown as RunState;
  if (state.version !== STATE_VERSION) {
    throw new Error(
      `${checkpoint.dir}: state.json has version ${state.version}, this program reads version ${STATE_VERSION}`,
    );
  }
  const { model, optimizer, policy, objectives } = trained;
  const otherBase = (what: string) =>
    new Error(
      `${checkpoint.dir}: the model that ${what} changed since this checkpoint (config: model); bring it back, or start a new run in another directory`,
    );
  for (const [name, hash] of Object.entries(dataHashes(objectives))) {
    if (state.data[name] !== hash) {
      throw new Error(
        `${checkpoint.dir}: the data of objective "${name}" changed since this checkpoint; start a new run in another directory`,
      );
    }
  }
  if (model.lora !== null && state.base !== trained.identity) throw otherBase("the adapters stand on");
  if (state.text !== undefined && state.text !== trained.text) {
    throw new Error(
      `${checkpoint.dir}: the text of evaluate.text changed since this checkpoint; bring it back, or start a new run in another directory`,
    );
  }
  for (const objective of objectives)
    refuseOtherReference(checkpoint.dir, objective, state.references[objective.name]);
  if (state.base !== undefined && state.base !== trained.identity) throw otherBase("the run started from");
  const { weights, optimizer: moments } = checkpoint.tensors;
  if (weights === undefined || moments === undefined)
    throw new Error(`${checkpoint.dir}: weights or moments are missing`);
  const parameters = trainableParameters(model);
  for (const parameter of parameters) {
    weights.eachFloat32(parameter.name, (part, at) => parameter.write(part, at));
  }
  parameters.forEach(({ name }, i) => {
    moments.eachFloat32(`m.${name}`, (part, at) => optimizer.m[i]?.write(part, at));
    moments.eachFloat32(`v.${name}`, (part, at) => optimizer.v[i]?.write(part, at));
  });
  optimizer.updates = state.optimizerUpdates;
  for (const { name, stream } of objectives) {
    const position = state.streams[name];
    if (position === undefined) throw new Error(`${checkpoint.dir}: state.json knows no objective "${name}"`);
    stream.restore(position);
  }
  policy.restore(state.policy);
  return state;
}

/**
 * A reference that changed since the checkpoint would change the loss unnoticed. Another processor may make its own
 * log-probs of the same reference (`kernels`): then the run goes on, though not with the bits it would have had.
 */
function refuseOtherReference(
  where: string,
  objective: Objective,
  saved: readonly ReferenceKey[] = [],
): void {
  objective.referenceKeys().forEach((key, i) => {
    const before: Record<string, unknown> = { ...saved[i] };
    for (const [part, value] of Object.entries(key)) {
      if (part !== "kernels" && before[part] !== value) {
        throw new Error(
          `${where}: the reference of objective "${objective.name}" changed since this checkpoint (${part}); start a new run in another directory`,
        );
      }
    }
  });
}

/** Weights as they go into files, at the full precision that is kept. */
export function parameterTensors(parameters: readonly Parameter[]): TensorSource[] {
  return parameters.map((parameter) => ({
    name: parameter.name,
    dtype: "F32",
    shape: parameter.shape,
    data: () => parameter.precise().inParts(),
  }));
}

/** All weights of a model as it computes with them, adapters merged in, for files; the model stays as it is. */
export function modelTensors(model: LanguageModel): TensorSource[] {
  const adapters = new Map(model.lora?.adapters.map((adapter) => [adapter.linear.weight.name, adapter]));
  return model.parameters.map((parameter) => ({
    name: parameter.name,
    dtype: parameter.dtype === "bfloat16" ? "BF16" : "F32",
    shape: parameter.shape,
    data: () => adapters.get(parameter.name)?.merged() ?? parameter.precise().inParts(),
  }));
}

function momentTensors(
  prefix: string,
  parameters: readonly Parameter[],
  moments: readonly Tensor[],
): TensorSource[] {
  return parameters.map(({ name, shape }, i) => ({
    name: `${prefix}.${name}`,
    dtype: "F32",
    shape,
    data: () => (moments[i] as Tensor).inParts(),
  }));
}

function dataHashes(objectives: readonly Objective[]): Record<string, string> {
  return Object.fromEntries(objectives.map(({ name, data }) => [name, data.train.hash]));
}
