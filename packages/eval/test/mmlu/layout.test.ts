/** Prompts that share what they begin with are scored as if each stood alone, to the bit. */
import { fileURLToPath } from "node:url";
import { counterRandom } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { scope } from "@outright/tensor";
import { loadModel, openDevice, rowLogprobs } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EncodedAnswer } from "../../dist/mmlu/encode.js";
import { layAnswers } from "../../dist/mmlu/layout.js";
import { logLikelihoods } from "../../dist/mmlu/score.js";

const DIRECTORY = fileURLToPath(new URL("../../../../test/goldens/models/neox-nano", import.meta.url));
const device = openDevice({ device: "cpu", threads: 1 });
let model: LanguageModel;
beforeAll(() => {
  model = loadModel(device, DIRECTORY, "pretrained", 0, { trainable: false }).model;
});
afterAll(() => {
  model.dispose();
  device.close();
});

const random = counterRandom(3, "layout");
let drawn = 0;
const ids = (count: number): number[] =>
  Array.from({ length: count }, () => Math.floor(random(drawn++) * 512));

/** Questions with a common beginning, whose answers have these lengths. */
function questions(beginning: number, lengths: readonly (readonly number[])[]): EncodedAnswer[][] {
  const common = ids(beginning);
  return lengths.map((answers, i) => {
    const prompt = [...common, ...ids(3 + 5 * i)];
    return answers.map((length) => ({ prompt, answer: ids(length), cut: 0 }));
  });
}

/** The plain way: prompt and answer in a row of their own. */
function alone({ prompt, answer }: EncodedAnswer): number {
  const input = [...prompt, ...answer].slice(0, -1);
  const zeros = () => new Int32Array(input.length);
  const row = {
    tokens: input.length,
    ids: Int32Array.from(input),
    positions: Int32Array.from(input.keys()),
    start: zeros(),
    skipFrom: zeros(),
    skipTo: zeros(),
    lossRows: Int32Array.from(answer, (_, i) => prompt.length - 1 + i),
    targets: Int32Array.from(answer),
    sequenceOffsets: Int32Array.of(0, answer.length),
    rows: Int32Array.of(0),
  };
  return scope(() =>
    rowLogprobs(model, row)
      .toFloat32()
      .reduce((sum, value) => sum + value, 0),
  );
}

function together(asked: readonly EncodedAnswer[][], budget: number): number[][] {
  const found: number[][] = [];
  for (const complete of logLikelihoods(model, asked, budget))
    for (const { question, logLikelihoods } of complete) found[question] = logLikelihoods;
  return found;
}

const SINGLE = [1, 1, 1, 1];

describe("logLikelihoods", () => {
  it.each<[what: string, beginning: number, lengths: number[][]]>([
    ["single tokens, a common beginning", 60, [SINGLE, SINGLE, SINGLE, SINGLE]],
    ["single tokens, nothing in common", 0, [SINGLE, SINGLE]],
    [
      "longer answers",
      40,
      [
        [2, 1, 3, 2],
        [1, 1, 4, 1],
        [3, 3, 3, 3],
      ],
    ],
    ["both by turns", 40, [SINGLE, [1, 2, 2, 1], SINGLE, SINGLE]],
  ])("are those of each answer alone: %s", (_, beginning, lengths) => {
    const asked = questions(beginning, lengths);
    const expected = asked.map((answers) => answers.map(alone));
    for (const budget of [1, 150, 4096]) expect(together(asked, budget)).toEqual(expected);
  });

  it("of answers that were cut differently see prompts of their own", () => {
    const [whole] = questions(50, [[1, 2, 1, 1]]) as [EncodedAnswer[]];
    const cut = whole.map((answer) => {
      const tokens = answer.answer.length;
      return { ...answer, prompt: answer.prompt.slice(tokens), cut: tokens };
    });
    expect(together([cut], 4096)).toEqual([cut.map(alone)]);
  });
});

describe("layAnswers", () => {
  const laid = (asked: readonly EncodedAnswer[][], budget: number) =>
    layAnswers(
      asked.map((answers) => ({
        prompt: (answers[0] as EncodedAnswer).prompt,
        answers: answers.map(({ answer }) => answer),
      })),
      budget,
    );

  it("computes a shared beginning once, and one position for four single tokens", () => {
    const [row, ...more] = laid(questions(60, [SINGLE, SINGLE, SINGLE]), 4096);
    expect(more).toEqual([]);
    expect(row?.row.tokens).toBe(60 + 3 + 8 + 13);
    expect([...(row?.row.lossRows ?? [])]).toEqual([62, 70, 83]);
    expect([...(row?.predictors ?? [])]).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
  });

  it("holds its budget, but for a prompt that alone exceeds it", () => {
    const rows = laid(questions(60, [SINGLE, SINGLE, SINGLE, SINGLE]), 70);
    expect(rows.map(({ row }) => row.tokens)).toEqual([63, 68, 73, 78]);
  });
});
