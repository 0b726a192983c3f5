/** Whole training steps on fixed rows: forward, backward, gradient norm, clip, AdamW. What `train` does, without files. */
import { openModelDirectory } from "@outright/checkpoint";
import { counterRandom, type PairExample, packPairs } from "@outright/data";
import { addLora, createModel, type LanguageModel, trainableParameters } from "@outright/models";
import {
  Device,
  type NativeDevice,
  type ParameterOptions,
  scope,
  sequenceSums,
  settler,
  Tensor,
} from "@outright/tensor";
import { AdamW, rowLogprobs, runDpoBatch, runSftBatch } from "@outright/trainer";
import type { Work } from "./participant.js";
import type { Rows } from "./rows.js";

export interface StepEngine {
  device: Device;
  model: LanguageModel;
  description: string;
  /** Trains on the batch of this index, wrapping round. @returns the loss before the update */
  step(index: number): number;
  close(): void;
}

/** A GPU has room for the logits of some thousand tokens. */
export const HEAD_CACHE_OF_GPU = 2 ** 31;
/** Weights of SFT and DPO in the Mix loss. */
const LAMBDA = 0.5;

export function stepEngine(
  work: Work,
  rows: Pick<Rows, "sft" | "dpo">,
  wrap?: (native: NativeDevice) => NativeDevice,
): StepEngine {
  const { batch, beta, lr, kind, tokens } = work;
  const device = Device.open({ backend: work.device, threads: work.threads }, wrap);
  if (device.info.kind !== "cpu") device.headCacheBytes = HEAD_CACHE_OF_GPU;
  const model = modelOf(device, work);
  const optimizer = new AdamW(trainableParameters(model), {
    name: "adamw",
    lr,
    betas: [0.9, 0.95],
    eps: 1e-8,
    weightDecay: 0,
    clip: 1,
  });
  if (kind === "mix") optimizer.keepGradients();
  const batches = Math.max(1, Math.floor(rows.sft.length / batch));
  const part = <T>(list: readonly T[], index: number) =>
    list.slice((index % batches) * batch, ((index % batches) + 1) * batch);
  const reference = kind === "sft" ? new Float64Array(0) : pairLogprobs(model, rows.dpo, tokens);
  const options = (weight: number) => ({ weight, train: true, tokensPerMicroBatch: tokens });
  const sft = (index: number, weight: number) =>
    runSftBatch(model, part(rows.sft, index), "token-mean", options(weight));
  const dpo = (index: number, weight: number) => {
    const from = 2 * (index % batches) * batch;
    const cached = reference.subarray(from, from + 2 * batch);
    return runDpoBatch(model, part(rows.dpo, index), cached, beta, options(weight));
  };
  const settle = settler(device.native);
  const weighed = {
    sft: [{ weight: 1, run: sft }],
    dpo: [{ weight: 1, run: dpo }],
    mix: [
      { weight: 1 - LAMBDA, run: sft },
      { weight: LAMBDA, run: dpo },
    ],
  }[kind];
  return {
    device,
    model,
    description: `${device.info.backend}, ${device.info.matmul}${device.info.kind === "cpu" ? `, ${device.info.threads} threads` : ""}`,
    step(index) {
      optimizer.zeroGradients();
      const results = weighed.map(({ weight, run }) => ({ weight, result: run(index, weight) }));
      optimizer.update(lr);
      settle();
      // as in the trainer, read when all is queued
      return results.reduce((sum, { weight, result }) => sum + weight * result.loss, 0);
    },
    close() {
      optimizer.dispose();
      model.dispose();
      device.close();
    },
  };
}

/** Σ log π of both answers of each pair under the model as it is, as the trainer's reference cache holds them. */
export function pairLogprobs(
  model: LanguageModel,
  pairs: readonly PairExample[],
  tokens = 2048,
): Float64Array {
  return Float64Array.from(
    packPairs(pairs, tokens, { sharedPrompt: true }).flatMap((row) => [
      ...scope(() => sequenceSums(rowLogprobs(model, row), Tensor.from(model.device, row.sequenceOffsets))),
    ]),
  );
}

/** A model of a directory with weights. */
export function loadModel(device: Device, folder: string, options: ParameterOptions): LanguageModel {
  const directory = openModelDirectory(folder);
  try {
    if (directory.weights === null) throw new Error(`${folder}: there are no weights`);
    return createModel(device, directory.config, { from: directory.weights }, options);
  } finally {
    directory.weights?.close();
  }
}

function modelOf(device: Device, work: Work): LanguageModel {
  const model = loadModel(device, work.model, { dtype: work.dtype, trainable: work.lora === null });
  model.recompute = work.recompute ?? "none";
  if (work.lora !== null) {
    const random = { random: (stream: string) => counterRandom(7, stream) };
    addLora(model, { ...work.lora, dropout: 0 }, random, { trainable: true });
  }
  return model;
}
