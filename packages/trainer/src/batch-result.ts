import type { DropoutSeeds } from "@outright/models";
import type { Rewards } from "./events.js";

/**
 * What one batch of one objective gave, over all its micro-batches. Who reads the loss, or what belongs to it, waits for the
 * device; counts are known at once.
 */
export interface BatchResult {
  /** mean over the whole batch, unweighted */
  readonly loss: number;
  readonly lossTokens: number;
  /** tokens that went through the model */
  readonly tokens: number;
  /** 0 for SFT */
  readonly pairs: number;
  readonly rewards?: Rewards;
  /** mean −log-prob of a chosen token, where the loss has such a term */
  readonly nll?: number | undefined;
  /** mean sequence log-probs of the answers */
  readonly logps?: { chosen: number; rejected: number };
}

export interface BatchOptions {
  /** multiplies loss and gradient; the result's loss stays unweighted */
  weight: number;
  /** whether gradients are added to the parameters */
  train: boolean;
  /** most tokens of one micro-batch */
  tokensPerMicroBatch: number;
  /**
   * Where given, a micro-batch that trains keeps what its backward pass reads, and adds that pass to this list in place of
   * running it; the caller's scope must reach from here to there.
   */
  later?: (() => void)[];
  /** seeds of the adapters' dropout in each micro-batch, where it trains; absent: nothing is dropped */
  dropout?: (microBatch: number) => DropoutSeeds;
}
