/** Log-likelihoods of answers under a model. */
import type { LanguageModel } from "@outright/models";
import { gatherRows, logprobHead, scope, sequenceSums, Tensor } from "@outright/tensor";
import { uploadInput } from "@outright/trainer";
import type { EncodedAnswer } from "./encode.js";
import { type AnswerRow, layAnswers, type PromptWithAnswers } from "./layout.js";

/** Questions that are computed together: each a list of its answers. */
export type Encoded = readonly EncodedAnswer[];

/**
 * Σ log π(token | prompt and earlier tokens) of each answer, summed in float64.
 * @param budget tokens per flat row
 * @returns row after row of the batch: the questions (by number) whose last answer is in it are complete then
 */
export function* logLikelihoods(
  model: LanguageModel,
  questions: readonly Encoded[],
  budget: number,
): Generator<{ question: number; logLikelihoods: number[] }[]> {
  const { items, owners } = itemsOf(questions);
  const found = questions.map((answers) => answers.map(() => Number.NaN));
  const left = questions.map((answers) => answers.length);
  for (const row of layAnswers(items, budget)) {
    const sums = answerSums(model, row);
    const complete: { question: number; logLikelihoods: number[] }[] = [];
    let s = 0;
    for (const item of row.row.rows) {
      for (const { question, answer } of owners[item] as Owner[]) {
        (found[question] as number[])[answer] = sums[s++] as number;
        if (--(left[question] as number) === 0)
          complete.push({ question, logLikelihoods: found[question] as number[] });
      }
    }
    yield complete;
  }
}

/** Whose answer a sequence is. */
interface Owner {
  question: number;
  answer: number;
}

/** Answers that see the same tokens share their prompt; one that was cut elsewhere has a prompt of its own. */
function itemsOf(questions: readonly Encoded[]): { items: PromptWithAnswers[]; owners: Owner[][] } {
  const items: PromptWithAnswers[] = [];
  const owners: Owner[][] = [];
  questions.forEach((answers, question) => {
    for (const cut of new Set(answers.map((answer) => answer.cut))) {
      const some = [...answers.entries()].filter(([, answer]) => answer.cut === cut);
      items.push({
        prompt: (some[0] as [number, EncodedAnswer])[1].prompt,
        answers: some.map(([, { answer }]) => answer),
      });
      owners.push(some.map(([answer]) => ({ question, answer })));
    }
  });
  return { items, owners };
}

/** One value for each answer of the row. */
function answerSums(model: LanguageModel, { row, predictors }: AnswerRow): Float64Array {
  return scope(() => {
    const { device } = model;
    const hidden = model.hiddenStates(uploadInput(device, row), Tensor.from(device, row.lossRows));
    const scored = gatherRows(hidden, Tensor.from(device, predictors));
    const logp = logprobHead(scored, model.head, Tensor.from(device, row.targets));
    return sequenceSums(logp, Tensor.from(device, row.sequenceOffsets));
  });
}

/** The first of the largest, as numpy's argmax. */
export function largest(values: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}
