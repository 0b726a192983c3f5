/** One flat row through a model: forward, and backward where it trains. */
import type { FlatRow } from "@outright/data";
import type { DropoutSeeds, LanguageModel, ModelInput } from "@outright/models";
import { type Device, logprobHead, scope, Tape, Tensor } from "@outright/tensor";

/** Copies what the trunk needs of a flat row to the device. */
export function uploadInput(device: Device, row: FlatRow): ModelInput {
  return {
    ids: Tensor.from(device, row.ids),
    positions: Tensor.from(device, row.positions),
    start: Tensor.from(device, row.start),
    skipFrom: Tensor.from(device, row.skipFrom),
    skipTo: Tensor.from(device, row.skipTo),
    maxPosition: row.positions.reduce((largest, position) => Math.max(largest, position), 0),
  };
}

/** log π(target | what it follows) of the row's N loss tokens; only those leave the last block and go through the head. float32[N] */
export function rowLogprobs(model: LanguageModel, row: FlatRow): Tensor {
  const lossRows = Tensor.from(model.device, row.lossRows);
  const scored = model.hiddenStates(uploadInput(model.device, row), lossRows);
  return logprobHead(scored, model.head, Tensor.from(model.device, row.targets));
}

/**
 * Runs a row and hands its log-probs to `lossOf`, which answers with g = ∂loss/∂logp. With `train` the
 * gradients of all trainable parameters are added to. Nothing but those stays on the device.
 * @param dropout seeds for the adapters, if any; they hold from the forward pass to the end of the backward pass
 * @param later where given, the backward pass is added to this list in place of being run
 */
export function runRow(
  model: LanguageModel,
  row: FlatRow,
  train: boolean,
  lossOf: (logp: Tensor) => { g: Tensor },
  dropout: DropoutSeeds | null = null,
  later?: (() => void)[],
): void {
  if (row.targets.length === 0) return;
  if (!train) {
    scope(() => {
      lossOf(rowLogprobs(model, row));
    });
    return;
  }
  const forward = () =>
    withDropout(model, dropout, () => {
      const tape = new Tape();
      const logp = tape.record(() => rowLogprobs(model, row));
      const { g } = lossOf(logp);
      return () => withDropout(model, dropout, () => tape.backward(logp, g));
    });
  if (later !== undefined) later.push(forward());
  else scope(() => forward()());
}

function withDropout<R>({ lora }: LanguageModel, seeds: DropoutSeeds | null, body: () => R): R {
  if (lora === null) return body();
  lora.dropoutSeeds = seeds;
  try {
    return body();
  } finally {
    lora.dropoutSeeds = null;
  }
}
