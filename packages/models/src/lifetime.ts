import { isRecording, scope } from "@outright/tensor";

/**
 * Runs one block of a model. Without a tape its activations are freed at once, so that scoring and
 * generating need the memory of one block only; with a tape they stay for the backward pass.
 */
export function block<R>(body: () => R): R {
  return isRecording() ? body() : scope(body);
}
