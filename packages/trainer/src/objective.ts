/** An objective at work: its stream of examples, its loss on the next batch, its held-out loss. */
import type { ExampleStream, Examples, PairExample, SftExample } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import type { BatchOptions, BatchResult } from "./batch-result.js";
import type { DpoObjectiveConfig, SftObjectiveConfig } from "./config/index.js";
import { runDpoBatch } from "./dpo-batch.js";
import type { ObjectiveData } from "./objective-data.js";
import type { ReferenceCache, ReferenceKey } from "./reference/cache.js";
import { runSftBatch } from "./sft-batch.js";

export interface Objective {
  readonly name: string;
  readonly kind: "sft" | "dpo";
  readonly stream: ExampleStream;
  readonly data: ObjectiveData<SftExample> | ObjectiveData<PairExample>;
  /** file rows of the batch that would be trained next, for error messages */
  nextRows(): number[];
  /** loss of the next batch; with `train` the batch is taken and gradients are added */
  nextBatch(model: LanguageModel, options: BatchOptions): BatchResult;
  /** what the reference log-probs that it reads were made from */
  referenceKeys(): ReferenceKey[];
  /** loss on the held-out rows; null where none are held out */
  heldOut(model: LanguageModel, tokensPerMicroBatch: number): BatchResult | null;
  /** loss on the slice of training rows that is evaluated too; null where there is none */
  onSlice(model: LanguageModel, tokensPerMicroBatch: number): BatchResult | null;
}

/** Rows of the training file of the next batch. */
function take(
  stream: ExampleStream,
  data: ObjectiveData<unknown>,
  batch: number,
  consume: boolean,
): number[] {
  const positions = consume ? stream.next(batch) : stream.peek(batch);
  return positions.map((position) => data.trainIndices[position] as number);
}

/** Rows that a stream or a hold-out chose are examples. */
const pick = <Example>(examples: Examples<Example>, rows: Iterable<number>) =>
  Array.from(rows, (row) => examples.example(row) as Example);

export class SftObjective implements Objective {
  readonly kind = "sft";
  readonly name: string;
  readonly stream: ExampleStream;
  readonly data: ObjectiveData<SftExample>;
  readonly #config: SftObjectiveConfig;

  constructor(
    name: string,
    config: SftObjectiveConfig,
    data: ObjectiveData<SftExample>,
    stream: ExampleStream,
  ) {
    this.name = name;
    this.#config = config;
    this.data = data;
    this.stream = stream;
  }

  nextRows(): number[] {
    return take(this.stream, this.data, this.#config.batch, false);
  }

  nextBatch(model: LanguageModel, options: BatchOptions): BatchResult {
    const indices = take(this.stream, this.data, this.#config.batch, options.train);
    return runSftBatch(model, pick(this.data.train, indices), this.#config.loss, options);
  }

  referenceKeys(): ReferenceKey[] {
    return [];
  }

  heldOut(model: LanguageModel, tokensPerMicroBatch: number): BatchResult | null {
    return this.#evaluate(model, this.data.held, this.data.heldIndices, tokensPerMicroBatch);
  }

  onSlice(model: LanguageModel, tokensPerMicroBatch: number): BatchResult | null {
    return this.#evaluate(model, this.data.train, this.data.sliceIndices, tokensPerMicroBatch);
  }

  #evaluate(
    model: LanguageModel,
    examples: Examples<SftExample>,
    rows: Uint32Array,
    tokensPerMicroBatch: number,
  ): BatchResult | null {
    if (rows.length === 0) return null;
    const options = { weight: 1, train: false, tokensPerMicroBatch };
    return runSftBatch(model, pick(examples, rows), this.#config.loss, options);
  }
}

/** Reference log-probs by row: of the training file, and of the held-out one. */
export interface References {
  train: ReferenceCache;
  held: ReferenceCache;
}

export class DpoObjective implements Objective {
  readonly kind = "dpo";
  readonly name: string;
  readonly stream: ExampleStream;
  readonly data: ObjectiveData<PairExample>;
  readonly references: References;
  readonly #config: DpoObjectiveConfig;

  constructor(
    name: string,
    config: DpoObjectiveConfig,
    data: ObjectiveData<PairExample>,
    stream: ExampleStream,
    references: References,
  ) {
    this.name = name;
    this.#config = config;
    this.data = data;
    this.stream = stream;
    this.references = references;
  }

  nextRows(): number[] {
    return take(this.stream, this.data, this.#config.batch, false);
  }

  nextBatch(model: LanguageModel, options: BatchOptions): BatchResult {
    const indices = take(this.stream, this.data, this.#config.batch, options.train);
    const reference = this.references.train.lookUp(indices);
    return runDpoBatch(model, pick(this.data.train, indices), reference, this.#config.beta, options);
  }

  referenceKeys(): ReferenceKey[] {
    const { train, held } = this.references;
    return held === train ? [train.key] : [train.key, held.key];
  }

  heldOut(model: LanguageModel, tokensPerMicroBatch: number): BatchResult | null {
    const { data, references } = this;
    return this.#evaluate(model, data.held, data.heldIndices, references.held, tokensPerMicroBatch);
  }

  onSlice(model: LanguageModel, tokensPerMicroBatch: number): BatchResult | null {
    const { data, references } = this;
    return this.#evaluate(model, data.train, data.sliceIndices, references.train, tokensPerMicroBatch);
  }

  #evaluate(
    model: LanguageModel,
    examples: Examples<PairExample>,
    rows: Uint32Array,
    references: ReferenceCache,
    tokensPerMicroBatch: number,
  ): BatchResult | null {
    if (rows.length === 0) return null;
    const reference = references.lookUp([...rows]);
    const options = { weight: 1, train: false, tokensPerMicroBatch };
    return runDpoBatch(model, pick(examples, rows), reference, this.#config.beta, options);
  }
}
