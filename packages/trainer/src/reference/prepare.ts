/** Reference log-probs of every pair a run can reach, computed before the first step and cached. */
import { dirname, join } from "node:path";
import { openAdapterDirectory } from "@outright/checkpoint";
import type { ExampleStream, Examples, PairExample, Tokenizer } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import type { Device } from "@outright/tensor";
import type { DpoObjectiveConfig, RunConfig } from "../config/index.js";
import { loadModel, modelIdentity } from "../load-model.js";
import { unmergedIdentity } from "../lora.js";
import type { References } from "../objective.js";
import { FEW_ROWS, type ObjectiveData } from "../objective-data.js";
import { microBatchTokens } from "../tokens.js";
import { ReferenceCache } from "./cache.js";
import { computeReference } from "./compute.js";

export interface ReferenceContext {
  config: RunConfig;
  device: Device;
  /** the run's own model, before its first step */
  model: LanguageModel;
  /** names its weights, adapters aside */
  identity: string;
  tokenizer: Tokenizer;
  /** waits until all rows of a file are tokenised */
  tokenised: (examples: Examples<PairExample>) => Promise<void>;
  /** told pairs done out of all that were missing */
  progress: (done: number, total: number) => Promise<void>;
}

/** The reference: what names it, and how it comes into memory while pairs are missing. */
interface ReferenceModel {
  identity: string;
  use: (body: (model: LanguageModel) => Promise<void>) => Promise<void>;
}

/**
 * With adapters the reference is the run's own model: off they give its base, and adapters that the run goes on from
 * (`lora.from`) are as they were, since no step was made yet. Else it is loaded anew, beside the one being trained.
 */
function referenceModel(reference: string, context: ReferenceContext): ReferenceModel {
  const { config, device, model } = context;
  const initial = reference === "initial";
  const path = initial ? config.model : reference;
  const init = initial ? config.init : "pretrained";
  const identity = initial ? context.identity : modelIdentity(path, init, config.seed);
  const { lora } = model;
  if (initial && config.lora !== undefined && "from" in config.lora) {
    const adapter = openAdapterDirectory(config.lora.from);
    return { identity: unmergedIdentity(identity, adapter), use: (body) => body(model) };
  }
  if (lora !== null && identity === context.identity) {
    const use = async (body: (base: LanguageModel) => Promise<void>) => {
      lora.enabled = false;
      try {
        await body(model);
      } finally {
        lora.enabled = true;
      }
    };
    return { identity, use };
  }
  const use = async (body: (loaded: LanguageModel) => Promise<void>) => {
    const loaded = loadModel(device, path, init, config.seed, {
      dtype: config.dtype,
      trainable: false,
    }).model;
    try {
      await body(loaded);
    } finally {
      loaded.dispose();
    }
  };
  return { identity, use };
}

/**
 * Null where the objective's loss has no reference: nothing is then computed, kept or looked for.
 * @param plannedSteps steps in which this objective can train
 */
export async function prepareReferences(
  objective: DpoObjectiveConfig,
  data: ObjectiveData<PairExample>,
  stream: ExampleStream,
  plannedSteps: number,
  context: ReferenceContext,
): Promise<References | null> {
  if (objective.reference === undefined) return null;
  const { config, device } = context;
  const { identity, use } = referenceModel(objective.reference, context);
  const open = (examples: Examples<PairExample>) =>
    new ReferenceCache(
      join(dirname(config.out), ".cache", "references"),
      {
        model: identity,
        tokenizer: context.tokenizer.hash,
        data: examples.hash,
        index: "row",
        format: objective.format,
        template: objective.template,
        boundary: objective.boundary,
        maxLength: config.maxLength,
        truncate: config.truncate,
        identicalPairs: objective.identicalPairs,
        dtype: config.dtype,
        kernels: `${device.info.backend}, ${device.info.matmul}`,
      },
      examples.rows,
    );
  const train = open(data.train);
  const held = data.held === data.train ? train : open(data.held);
  // Within the first pass a stream visits distinct rows; no more than a pass needs to be known.
  const reachable = Math.min(plannedSteps * objective.batch, data.trainIndices.length);
  if (reachable > FEW_ROWS) await context.tokenised(data.train);
  const trained = stream.peek(reachable).map((position) => data.trainIndices[position] as number);
  const wanted = [...trained, ...data.sliceIndices];
  const parts = [
    {
      cache: train,
      examples: data.train,
      missing: train.missing(held === train ? [...wanted, ...data.heldIndices] : wanted),
    },
    ...(held === train
      ? []
      : [{ cache: held, examples: data.held, missing: held.missing(data.heldIndices) }]),
  ];
  const total = parts.reduce((sum, part) => sum + part.missing.length, 0);
  if (total > 0) {
    await use(async (model) => {
      let before = 0;
      for (const { cache, examples, missing } of parts) {
        const budget = microBatchTokens(config.tokensPerMicroBatch, model.device);
        const progress = (done: number) => context.progress(before + done, total);
        await computeReference(cache, model, examples, missing, budget, progress);
        before += missing.length;
      }
    });
  }
  return { train, held };
}
