/**
 * Prompts with several answers each as flat rows (design section 5): what several of them begin with stands once.
 *
 * - The answers to one prompt: the first token of each is predicted from the prompt's last, so answers of a single token add nothing.
 *   Of longer ones the first follows the prompt; each further one follows a copy of the prompt's last token and skips what lies between.
 * - Prompts one after another that begin alike (description and examples): the later one stands without that beginning, which it sees
 *   at the row's earlier one, and skips what lies between. Only prompts of single-token answers take part, as a token skips one span only.
 *
 * Both are exact: a token sees what it would see alone, at the same positions.
 */
import type { FlatRow } from "@outright/data";

/** A prompt and its answers, in ids; none is empty. */
export interface PromptWithAnswers {
  prompt: readonly number[];
  answers: readonly (readonly number[])[];
}

export interface AnswerRow {
  /** `lossRows` are the P tokens that something is predicted from, each once; `targets` the N tokens predicted; a sequence is an answer */
  row: FlatRow;
  /** int32[N]: which of `lossRows` predicts each target */
  predictors: Int32Array;
}

/** A shorter beginning in common is not worth a span of its own. */
const SHORTEST_SHARED = 16;

/**
 * Rows are filled in the order given (next fit): none exceeds `budget` tokens unless a single prompt alone does. The answers are
 * the rows' sequences, in order; `FlatRow.rows` are the prompts' numbers.
 */
export function layAnswers(items: readonly PromptWithAnswers[], budget: number): AnswerRow[] {
  const done: AnswerRow[] = [];
  let builder = new AnswerRowBuilder();
  items.forEach((item, index) => {
    if (builder.tokens > 0 && builder.tokens + builder.sizeOf(item) > budget) {
      done.push(builder.finish());
      builder = new AnswerRowBuilder();
    }
    builder.add(item, index);
  });
  if (builder.tokens > 0) done.push(builder.finish());
  return done;
}

interface Span {
  start: number;
  skipFrom: number;
  skipTo: number;
}

class AnswerRowBuilder {
  readonly #ids: number[] = [];
  readonly #positions: number[] = [];
  readonly #start: number[] = [];
  readonly #skipFrom: number[] = [];
  readonly #skipTo: number[] = [];
  /** (token that predicts, target), answer after answer */
  readonly #predictions: { from: number; target: number }[] = [];
  readonly #offsets: number[] = [0];
  readonly #rows: number[] = [];
  /** the latest prompt that stands whole in the row, and the token it begins at */
  #whole: { prompt: readonly number[]; start: number } | null = null;

  get tokens(): number {
    return this.#ids.length;
  }

  /** Tokens that the item would add to the row. */
  sizeOf(item: PromptWithAnswers): number {
    const longer = item.answers.filter(({ length }) => length > 1);
    const copies = Math.max(0, longer.length - 1);
    const answers = longer.reduce((sum, { length }) => sum + length - 1, 0);
    return item.prompt.length - this.#shared(item) + answers + copies;
  }

  add(item: PromptWithAnswers, index: number): void {
    const { prompt, answers } = item;
    const shared = this.#shared(item);
    const begin = this.tokens;
    const span: Span =
      this.#whole !== null && shared > 0
        ? { start: this.#whole.start, skipFrom: this.#whole.start + shared, skipTo: begin }
        : { start: begin, skipFrom: 0, skipTo: 0 };
    for (let i = shared; i < prompt.length; i++) this.#push(prompt[i] as number, i, span);
    if (shared === 0) this.#whole = { prompt, start: begin };
    const last = this.tokens - 1;
    let isFollowed = false;
    for (const answer of answers) {
      this.#answer(prompt, answer, last, span, isFollowed);
      isFollowed ||= answer.length > 1;
    }
    this.#rows.push(index);
  }

  finish(): AnswerRow {
    const lossRows = [...new Set(this.#predictions.map(({ from }) => from))].sort((a, b) => a - b);
    const indexOf = new Map(lossRows.map((token, index) => [token, index]));
    return {
      row: {
        tokens: this.tokens,
        ids: Int32Array.from(this.#ids),
        positions: Int32Array.from(this.#positions),
        start: Int32Array.from(this.#start),
        skipFrom: Int32Array.from(this.#skipFrom),
        skipTo: Int32Array.from(this.#skipTo),
        lossRows: Int32Array.from(lossRows),
        targets: Int32Array.from(this.#predictions, ({ target }) => target),
        sequenceOffsets: Int32Array.from(this.#offsets),
        rows: Int32Array.from(this.#rows),
      },
      predictors: Int32Array.from(this.#predictions, ({ from }) => indexOf.get(from) as number),
    };
  }

  /** @param isFollowed another answer's tokens stand behind the prompt already */
  #answer(
    prompt: readonly number[],
    answer: readonly number[],
    last: number,
    { start }: Span,
    isFollowed: boolean,
  ): void {
    let from = last;
    if (answer.length > 1) {
      let span: Span = { start, skipFrom: 0, skipTo: 0 };
      if (isFollowed) {
        from = this.tokens;
        span = { start, skipFrom: last, skipTo: from };
        this.#push(prompt[prompt.length - 1] as number, prompt.length - 1, span);
      }
      for (let i = 0; i + 1 < answer.length; i++) this.#push(answer[i] as number, prompt.length + i, span);
    }
    answer.forEach((target, i) => {
      // the answer's tokens follow the prompt's last one, or its copy
      this.#predictions.push({ from: from + i, target });
    });
    this.#offsets.push(this.#predictions.length);
  }

  /** How many of the prompt's first tokens the row has already; at least one is left, to predict from. */
  #shared({ prompt, answers }: PromptWithAnswers): number {
    if (this.#whole === null || answers.some(({ length }) => length > 1)) return 0;
    const other = this.#whole.prompt;
    const most = Math.min(other.length, prompt.length - 1);
    let shared = 0;
    while (shared < most && other[shared] === prompt[shared]) shared++;
    return shared < SHORTEST_SHARED ? 0 : shared;
  }

  #push(id: number, position: number, { start, skipFrom, skipTo }: Span): void {
    this.#ids.push(id);
    this.#positions.push(position);
    this.#start.push(start);
    this.#skipFrom.push(skipFrom);
    this.#skipTo.push(skipTo);
  }
}
