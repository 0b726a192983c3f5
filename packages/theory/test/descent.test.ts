/** The clear descent against the fast ones, and against what the policies say. */
import {
  alrightGaps,
  choices,
  contracted,
  counterUniform,
  DPO,
  descend,
  distance,
  exampleInstance,
  FRESH,
  flatDpo,
  flatSft,
  flatStep,
  gaps,
  logLogSlope,
  norm,
  type Point,
  type Problem,
  plus,
  project,
  randomProblem,
  sequentialEnds,
  solveInstance,
  stretches,
  toyPolicy,
} from "@outright/theory";
import { describe, expect, it } from "vitest";

const PROBLEMS: Problem[] = [
  solveInstance(exampleInstance(0.5)),
  ...Array.from({ length: 5 }, (_, seed) => randomProblem(seed, 0.35)),
];
const sequential = (steps: number) =>
  toyPolicy(
    {
      name: "sequential",
      stages: [
        { objective: "dpo", steps: steps / 2 },
        { objective: "sft", steps: steps / 2 },
      ],
    },
    steps,
  );

describe("descent", () => {
  it("takes the step size stepScale / sqrt(t), on the objective that the policy names", () => {
    const problem = PROBLEMS[0]!;
    const visited: Point[] = [];
    descend(problem, sequential(6), 6, ({ theta }) => visited.push(theta));
    let theta = problem.instance.reference;
    for (const [i, name] of (["dpo", "dpo", "dpo", "sft", "sft", "sft"] as const).entries()) {
      expect(visited[i]).toEqual(theta);
      // t begins anew at the fourth step: the stage has a fresh optimizer
      theta = plus(theta, problem[name].gradient(theta), -problem.stepScale / Math.sqrt((i % 3) + 1));
    }
  });

  it("never leaves the ball", () => {
    const problem = solveInstance({ ...exampleInstance(0.5), radius: 1.95 });
    const steep = { ...problem, stepScale: 50 };
    let onEdge = 0;
    descend(steep, toyPolicy({ name: "single", objective: "dpo" }, 50), 50, ({ theta }) => {
      expect(norm(theta)).toBeLessThanOrEqual(1.95 + 1e-12);
      if (norm(theta) > 1.95 - 1e-9) onEdge++;
    });
    expect(onEdge).toBeGreaterThan(0);
    expect(project([3, 4], 1)).toEqual([0.6, 0.8]);
  });

  it("comes as near to an optimum as its contraction bound says", () => {
    for (const problem of PROBLEMS) {
      for (const name of ["sft", "dpo"] as const) {
        const { theta } = problem.optima[name];
        const from = distance(problem.instance.reference, theta);
        for (const steps of [1, 10, 100, 1000]) {
          const end = descend(problem, toyPolicy({ name: "single", objective: name }, steps), steps);
          const bound = contracted(problem[name], problem.optima[name], from, problem.stepScale, steps);
          expect(distance(end, theta)).toBeLessThanOrEqual(bound * (1 + 1e-9) + 1e-12);
        }
      }
    }
  });
});

describe("the fast forms", () => {
  it("take the clear form's step", () => {
    for (const problem of PROBLEMS) {
      for (const [name, flat] of [
        ["sft", flatSft(problem.instance)],
        ["dpo", flatDpo(problem.instance)],
      ] as const) {
        for (const at of [problem.instance.reference, [-1.2, 2.1], [7.9, 0.3]] as Point[]) {
          for (const alpha of [0.1, 30]) {
            const fast = Float64Array.from(at);
            flatStep(flat, fast, alpha, problem.instance.radius);
            const clear = project(plus(at, problem[name].gradient(at), -alpha), problem.instance.radius);
            expect(fast[0]).toBeCloseTo(clear[0], 11);
            expect(fast[1]).toBeCloseTo(clear[1], 11);
          }
        }
      }
    }
  });

  it("end Sequential where the clear descent does, for each T", () => {
    const times = [10, 100, 400, 2000];
    for (const problem of PROBLEMS) {
      const schedules = times.map((steps) => stretches(choices(sequential(steps), steps)));
      for (const [i, end] of sequentialEnds(problem, schedules).entries()) {
        const clear = descend(problem, sequential(times[i]!), times[i]!);
        expect(distance(end, clear)).toBeLessThan(1e-10);
      }
    }
  });

  it("take every step that moves anything, to the same bits", () => {
    const steps = 200_000;
    const schedule = stretches(choices(sequential(steps), steps));
    for (const problem of PROBLEMS) {
      const { reference, radius } = problem.instance;
      const theta = Float64Array.from(reference);
      let moved = 0;
      for (const { objective, steps: count } of schedule) {
        const flat = objective === "sft" ? flatSft(problem.instance) : flatDpo(problem.instance);
        for (let t = 1; t <= count; t++) {
          if (flatStep(flat, theta, problem.stepScale / Math.sqrt(t), radius)) moved++;
        }
      }
      expect(sequentialEnds(problem, [schedule])).toEqual([[theta[0], theta[1]]]);
      expect(moved, "some steps do move nothing, or this would show little").toBeLessThan(steps);
    }
  });

  it("measure ALRIGHT's gap as the clear descent with the same coins does", () => {
    const uniform = counterUniform(9, "test/coin");
    const offset = 37;
    const drawn = choices(toyPolicy({ name: "alright", lambda: 0.35 }, 500, uniform), 500);
    for (const problem of PROBLEMS.slice(1)) {
      const [fast] = alrightGaps(problem, [{ choices: drawn, offset, steps: 200 }], [200]);
      const policy = toyPolicy({ name: "alright", lambda: 0.35 }, 200, (t) => uniform(t + offset));
      const clear: number[] = [];
      const end = descend(problem, policy, 200, ({ step, theta }) => {
        if (step - 1 > 100) clear.push(gaps(problem, theta).mixture);
      });
      clear.push(gaps(problem, end).mixture);
      expect(clear.length).toBe(100);
      expect(fast).toBeCloseTo(clear.reduce((sum, gap) => sum + gap, 0) / 100, 12);
    }
  });

  it("refuse policies whose choices depend on losses, or that train both", () => {
    expect(() => choices(toyPolicy({ name: "maxright", lambda: 0.5 }, 9), 9)).toThrow(
      "maxright decides by losses",
    );
    expect(() => choices(toyPolicy({ name: "mix", lambda: 0.5 }, 9), 9)).toThrow(
      "mix trains no single objective",
    );
  });
});

describe("schedules", () => {
  it("are what the policies decide", () => {
    const chosen = choices(sequential(6), 6);
    expect([...chosen]).toEqual([DPO, DPO, DPO, FRESH, 0, 0]);
    expect(stretches(chosen)).toEqual([
      { objective: "dpo", steps: 3, fresh: false },
      { objective: "sft", steps: 3, fresh: true },
    ]);
  });

  it("of ALRIGHT name DPO with probability lambda", () => {
    const steps = 200_000;
    const drawn = choices(
      toyPolicy({ name: "alright", lambda: 0.3 }, steps, counterUniform(2, "test/coin")),
      steps,
    );
    const share = drawn.reduce((sum, choice) => sum + choice, 0) / steps;
    // five standard deviations
    expect(Math.abs(share - 0.3)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / steps));
  });

  it("have no pattern that the next draw could be told from", () => {
    const uniform = counterUniform(1, "test/coin");
    const count = 200_000;
    let [mean, product] = [0, 0];
    for (let i = 0; i < count; i++) {
      mean += (uniform(i) - 0.5) / count;
      product += ((uniform(i) - 0.5) * (uniform(i + 1) - 0.5)) / count;
    }
    expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(1 / 12 / count));
    expect(Math.abs(product)).toBeLessThan(5 * (1 / 12 / Math.sqrt(count)));
    expect(uniform(5)).toBe(counterUniform(1, "test/coin")(5));
    expect(uniform(5)).not.toBe(counterUniform(2, "test/coin")(5));
    expect(uniform(5)).not.toBe(uniform(5 + 2 ** 32));
  });
});

it("the slope is that of the line in log-log", () => {
  const times = [10, 100, 1000, 50_000];
  const values = times.map((t) => 3 * t ** -0.7);
  expect(logLogSlope(times, values)).toBeCloseTo(-0.7, 12);
});
