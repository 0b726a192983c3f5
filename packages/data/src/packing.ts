import type { FlatRow, PairExample, SftExample } from "./types.js";

/**
 * Lays SFT examples into flat rows: prompt and response end to end, each token seeing its own example only.
 *
 * The last response token (the EOS) is a target but no input: nothing is predicted from it, so an example of p + r tokens
 * takes p + r - 1 places. With an empty prompt the first response token has no context and carries no loss.
 *
 * Rows are filled in the order given (next fit): no row exceeds `budget` tokens unless a single example alone does.
 *
 * @param budget tokens per row; 0 puts each example in a row of its own
 */
export function packSft(examples: readonly SftExample[], budget: number): FlatRow[] {
  const builder = new RowBuilder(budget);
  for (const example of examples) {
    const size = Math.max(0, example.promptIds.length + example.responseIds.length - 1);
    builder.open(size);
    builder.sequence(example.promptIds, example.responseIds);
    builder.close(example.row);
  }
  return builder.finish();
}

/**
 * Lays preference pairs into flat rows; sequence 2p is pair p's chosen answer, 2p + 1 its rejected one. A pair is never
 * split over rows; otherwise the rules of `packSft` hold.
 *
 * With `sharedPrompt` the prompt stands once: prompt, chosen, a second copy of the last prompt token, rejected. The copy
 * takes the position of the original; it and the rejected answer skip the original and the chosen answer, so each token
 * sees exactly what it would see unshared. A pair with an empty prompt has no token to copy and is laid out unshared.
 */
export function packPairs(
  pairs: readonly PairExample[],
  budget: number,
  options: { sharedPrompt: boolean },
): FlatRow[] {
  const builder = new RowBuilder(budget);
  for (const { row, promptIds, chosenIds, rejectedIds } of pairs) {
    const prompt = promptIds.length;
    const answers = Math.max(0, chosenIds.length - 1) + Math.max(0, rejectedIds.length - 1);
    if (options.sharedPrompt && prompt > 0) {
      builder.open(prompt + 1 + answers);
      const start = builder.tokens;
      const last = start + prompt - 1;
      builder.sequence(promptIds, chosenIds);
      builder.branch(promptIds, rejectedIds, start, last);
    } else {
      builder.open(2 * prompt + answers);
      builder.sequence(promptIds, chosenIds);
      builder.sequence(promptIds, rejectedIds);
    }
    builder.close(row);
  }
  return builder.finish();
}

/** Collects tokens and loss tokens of the row being filled, and the rows already full. */
class RowBuilder {
  readonly #budget: number;
  readonly #done: FlatRow[] = [];
  #ids: number[] = [];
  #positions: number[] = [];
  #start: number[] = [];
  #skipFrom: number[] = [];
  #skipTo: number[] = [];
  #lossRows: number[] = [];
  #targets: number[] = [];
  #offsets: number[] = [0];
  #rows: number[] = [];

  constructor(budget: number) {
    if (!Number.isInteger(budget) || budget < 0)
      throw new Error(`tokens per row must be a whole number ≥ 0, not ${budget}`);
    this.#budget = budget;
  }

  get tokens(): number {
    return this.#ids.length;
  }

  /** Starts a new row where `size` more tokens do not fit into the present one. */
  open(size: number): void {
    if (this.#rows.length > 0 && this.tokens + size > this.#budget) this.#flush();
  }

  /** Ends an example or a pair. */
  close(row: number): void {
    this.#rows.push(row);
  }

  /** A document of its own: context, then the answer without its last token; loss on the answer. */
  sequence(context: Int32Array, answer: Int32Array): void {
    const start = this.tokens;
    for (let i = 0; i < context.length; i++) this.#push(context[i] as number, i, start, 0, 0);
    for (let i = 0; i + 1 < answer.length; i++) {
      this.#push(answer[i] as number, context.length + i, start, 0, 0);
    }
    for (let i = 0; i < answer.length; i++) {
      const predictor = start + context.length + i - 1;
      if (predictor >= start) this.#loss(predictor, answer[i] as number);
    }
    this.#offsets.push(this.#targets.length);
  }

  /** A second answer to the context at `start`: a copy of its last token (which is at `last`), then the answer. */
  branch(context: Int32Array, answer: Int32Array, start: number, last: number): void {
    const copy = this.tokens;
    this.#push(context[context.length - 1] as number, context.length - 1, start, last, copy);
    for (let i = 0; i + 1 < answer.length; i++) {
      this.#push(answer[i] as number, context.length + i, start, last, copy);
    }
    for (let i = 0; i < answer.length; i++) this.#loss(copy + i, answer[i] as number);
    this.#offsets.push(this.#targets.length);
  }

  finish(): FlatRow[] {
    if (this.#rows.length > 0) this.#flush();
    return this.#done;
  }

  #push(id: number, position: number, start: number, skipFrom: number, skipTo: number): void {
    this.#ids.push(id);
    this.#positions.push(position);
    this.#start.push(start);
    this.#skipFrom.push(skipFrom);
    this.#skipTo.push(skipTo);
  }

  #loss(row: number, target: number): void {
    this.#lossRows.push(row);
    this.#targets.push(target);
  }

  #flush(): void {
    this.#done.push({
      tokens: this.tokens,
      ids: Int32Array.from(this.#ids),
      positions: Int32Array.from(this.#positions),
      start: Int32Array.from(this.#start),
      skipFrom: Int32Array.from(this.#skipFrom),
      skipTo: Int32Array.from(this.#skipTo),
      lossRows: Int32Array.from(this.#lossRows),
      targets: Int32Array.from(this.#targets),
      sequenceOffsets: Int32Array.from(this.#offsets),
      rows: Int32Array.from(this.#rows),
    });
    this.#ids = [];
    this.#positions = [];
    this.#start = [];
    this.#skipFrom = [];
    this.#skipTo = [];
    this.#lossRows = [];
    this.#targets = [];
    this.#offsets = [0];
    this.#rows = [];
  }
}
