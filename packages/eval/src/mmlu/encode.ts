/** From a prompt and its continuations to ids, as lm-evaluation-harness's HFLM does it (`_encode_pair`, `_loglikelihood_tokens`). */
import { prefixFor, type Tokenizer } from "@outright/data";
import { pythonRstrip } from "./prompt.js";

/** A prompt and one of its answers, as the model sees them. */
export interface EncodedAnswer {
  prompt: readonly number[];
  /** each of these is predicted */
  answer: readonly number[];
  /** tokens of the prompt that were cut off on its left, special ones included */
  cut: number;
}

/**
 * Prompt and answer are encoded as one text, and what that is longer than the prompt alone is the answer; white space at the
 * prompt's end belongs to the answer. Special tokens are those that the tokenizer puts in front of a text; what some would put
 * behind it is left out, where the harness would count it as the prompt's. Of more than `maxLength` inputs the first are cut off.
 *
 * @throws Error where the tokenizer gives an answer no token of its own
 */
export function encodeAnswers(
  tokenizer: Tokenizer,
  prompt: string,
  continuations: readonly string[],
  maxLength: number,
): EncodedAnswer[] {
  const context = pythonRstrip(prompt);
  const spaces = prompt.slice(context.length);
  const ids = encode(tokenizer, context);
  return continuations.map((continuation) => {
    const answer = encode(tokenizer, context + spaces + continuation).slice(ids.length);
    if (answer.length === 0)
      throw new Error(`the tokenizer gives ${JSON.stringify(continuation)} no token of its own`);
    if (answer.length > maxLength) {
      throw new Error(
        `an answer of ${answer.length} tokens is longer than the model's ${maxLength} positions`,
      );
    }
    // the last token is predicted, and so no input
    const cut = Math.max(0, ids.length + answer.length - 1 - maxLength);
    return { prompt: cut === 0 ? ids : ids.slice(cut), answer, cut };
  });
}

const encode = (tokenizer: Tokenizer, text: string): number[] => [
  ...prefixFor(text, tokenizer),
  ...tokenizer.encode(text, { specialTokens: false }),
];
