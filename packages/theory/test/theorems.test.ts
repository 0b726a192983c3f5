/** The paper's statements on 200 random instances, with the real policies; `mutations.test.ts` shows that the checks can fail. */
import {
  checkAlright,
  checkMaxright,
  checkSequential,
  descend,
  gaps,
  LEAST_STEPS,
  type Problem,
  toyPolicy,
} from "@outright/theory";
import { beforeAll, describe, expect, it } from "vitest";
import { Coins, INSTANCES, problems, sequentialSchedules, TIMES } from "./plan.js";

let all: Problem[];
beforeAll(() => {
  all = problems();
});

describe(`${INSTANCES} random instances that meet the assumptions`, { timeout: 600_000 }, () => {
  it("Sequential stays above the constant computed beforehand, from T = 10^2 to 10^6", () => {
    const schedules = sequentialSchedules("dpo-sft");
    expect(schedules.length).toBe(5);
    expect(Math.min(...TIMES)).toBe(LEAST_STEPS);
    for (const [i, problem] of all.entries()) {
      const { holds, constant, limit, gaps: measured } = checkSequential(problem, "dpo-sft", schedules);
      expect.soft(holds, `instance ${i}: constant ${constant}, limit ${limit}, gaps ${measured}`).toBe(true);
      expect.soft(constant, `instance ${i}: the constant says something`).toBeGreaterThan(limit / 5);
    }
  });

  it("so does the other order, wherever it has a positive constant", () => {
    const schedules = sequentialSchedules("sft-dpo", [100, 1000, 10_000, 40_000]);
    const found = all.map((problem) => checkSequential(problem, "sft-dpo", schedules));
    const positive = found.filter(({ constant }) => constant > 0);
    expect(positive.length).toBeGreaterThan(INSTANCES / 4);
    expect(positive.filter(({ holds }) => !holds)).toEqual([]);
  });

  it("ALRIGHT's gap falls with a slope of -0.4 or steeper in log-log", () => {
    const coins = new Coins();
    for (const [i, problem] of all.entries()) {
      const {
        holds,
        slope,
        gaps: measured,
      } = checkAlright(problem, coins.runs(problem.instance.lambda, i), TIMES);
      expect.soft(holds, `instance ${i}: slope ${slope}, gaps ${measured}`).toBe(true);
    }
  });

  it("MAXRIGHT reaches the weighted min-max point", () => {
    for (const [i, problem] of all.entries()) {
      for (const steps of [500, 5000]) {
        const { lambda } = problem.instance;
        const optima = { sft: problem.optima.sft.loss, dpo: problem.optima.dpo.loss };
        const policy = toyPolicy({ name: "maxright", lambda, optima }, steps);
        const { holds, excess, step } = checkMaxright(problem, policy, steps);
        expect.soft(holds, `instance ${i}, T ${steps}: excess ${excess}, a step ${step}`).toBe(true);
      }
    }
  });

  it("Mix goes to the mixture's optimum", () => {
    for (const [i, problem] of all.entries()) {
      const policy = toyPolicy({ name: "mix", lambda: problem.instance.lambda }, 4000);
      expect.soft(gaps(problem, descend(problem, policy, 4000)).mixture, `instance ${i}`).toBeLessThan(1e-8);
    }
  });
});
