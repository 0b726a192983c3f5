/** The checks of `theorems.test.ts`, which hold for the true methods, on broken ones: they must fail, or they would prove nothing. */
import { checkAlright, checkMaxright, checkSequential, type Problem, toyPolicy } from "@outright/theory";
import { beforeAll, describe, expect, it } from "vitest";
import { Coins, problems, sequentialSchedules, TIMES } from "./plan.js";

/** Each of them is caught alone; the 200 of the theorems would only take longer. */
const COUNT = 40;

let some: Problem[];
beforeAll(() => {
  some = problems(COUNT);
});

const caught = (holds: (problem: Problem, index: number) => boolean): number =>
  some.filter((problem, index) => !holds(problem, index)).length;

describe(`checks of ${COUNT} instances fail`, { timeout: 600_000 }, () => {
  it("where ALRIGHT's coin is biased by 10 %: by 0.1, or by a tenth of lambda", () => {
    for (const probability of [(lambda: number) => lambda + 0.1, (lambda: number) => 1.1 * lambda]) {
      const coins = new Coins(probability);
      expect(caught((problem, i) => alright(problem, i, coins))).toBe(COUNT);
    }
  });

  it("where MAXRIGHT's weights are swapped, or all equal, or its optima forgotten", () => {
    expect(caught((problem) => maxright(problem, 1 - problem.instance.lambda))).toBe(COUNT);
    expect(caught((problem) => maxright(problem, 0.5))).toBe(COUNT);
    expect(caught((problem) => maxright(problem, problem.instance.lambda, {}))).toBe(COUNT);
  });

  it("where Sequential has its stages the other way round", () => {
    const reversed = sequentialSchedules("sft-dpo", [100, 1000, 10_000]);
    expect(caught((problem) => checkSequential(problem, "dpo-sft", reversed).holds)).toBe(COUNT);
  });
});

const alright = (problem: Problem, index: number, coins: Coins): boolean =>
  checkAlright(problem, coins.runs(problem.instance.lambda, index), TIMES).holds;

function maxright(
  problem: Problem,
  lambda: number,
  optima: Record<string, number> = { sft: problem.optima.sft.loss, dpo: problem.optima.dpo.loss },
): boolean {
  return checkMaxright(problem, toyPolicy({ name: "maxright", lambda, optima }, 5000), 5000).holds;
}
