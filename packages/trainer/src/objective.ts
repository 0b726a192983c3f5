/** An objective at work: its stream of examples, its loss on the next batch, its held-out loss. */
import type { ExampleStream, Examples, PairExample, SftExample } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import type { BatchOptions, BatchResult } from "./batch-result.js";
import type { DpoObjectiveConfig, SftObjectiveConfig } from "./config/index.js";
import type { Margins } from "./margins.js";
import type { ObjectiveData } from "./objective-data.js";
import { runPairBatch } from "./pair-batch.js";
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
  /** null where the loss has no reference */
  readonly references: References | null;
  /** null but for losses that read them */
  readonly margins: Margins | null;
  readonly #config: DpoObjectiveConfig;

  constructor(
    name: string,
    config: DpoObjectiveConfig,
    data: ObjectiveData<PairExample>,
    stream: ExampleStream,
    references: References | null,
    margins: Margins | null = null,
  ) {
    this.name = name;
    this.#config = config;
    this.data = data;
    this.stream = stream;
    this.references = references;
    this.margins = margins;
  }

  nextRows(): number[] {
    return take(this.stream, this.data, this.#config.batch, false);
  }

  nextBatch(model: LanguageModel, options: BatchOptions): BatchResult {
    return this.#run(
      model,
      "train",
      take(this.stream, this.data, this.#config.batch, options.train),
      options,
    );
  }

  referenceKeys(): ReferenceKey[] {
    if (this.references === null) return [];
    const { train, held } = this.references;
    return held === train ? [train.key] : [train.key, held.key];
  }

  heldOut(model: LanguageModel, tokensPerMicroBatch: number): BatchResult | null {
    return this.#evaluate(model, "held", this.data.heldIndices, tokensPerMicroBatch);
  }

  onSlice(model: LanguageModel, tokensPerMicroBatch: number): BatchResult | null {
    return this.#evaluate(model, "train", this.data.sliceIndices, tokensPerMicroBatch);
  }

  #evaluate(
    model: LanguageModel,
    file: "train" | "held",
    rows: Uint32Array,
    tokensPerMicroBatch: number,
  ): BatchResult | null {
    if (rows.length === 0) return null;
    return this.#run(model, file, [...rows], { weight: 1, train: false, tokensPerMicroBatch });
  }

  #run(model: LanguageModel, file: "train" | "held", rows: number[], options: BatchOptions): BatchResult {
    const quality = this.margins?.[file];
    const facts = {
      reference: this.references?.[file].lookUp(rows) ?? null,
      quality: quality === undefined ? null : Float64Array.from(rows, (row) => quality[row] as number),
    };
    return runPairBatch(model, pick(this.data[file], rows), facts, this.#config, options);
  }
}
