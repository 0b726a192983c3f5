import { hypervolume, interval, outcome, rangesOf, studentT975 } from "@outright/sweep";
import { describe, expect, it } from "vitest";

describe("studentT975", () => {
  // R: qt(0.975, df)
  it.each([
    [1, 12.7062],
    [4, 2.7764],
    [30, 2.0423],
    [31, 2.0395],
    [60, 2.0003],
    [1000, 1.9623],
  ])("df %i", (degrees, expected) => expect(studentT975(degrees)).toBeCloseTo(expected, 3));
});

describe("interval", () => {
  it("is the mean with a t interval", () => {
    // R: t.test(c(1, 2, 4))$conf.int
    const { mean, low, high, n } = interval([1, 2, 4]);
    expect(mean).toBeCloseTo(7 / 3, 12);
    expect([low, high]).toEqual([expect.closeTo(-1.4612, 3), expect.closeTo(6.1279, 3)]);
    expect(n).toBe(3);
  });

  it("of one value is that value", () => {
    expect(interval([5])).toEqual({ mean: 5, low: 5, high: 5, n: 1 });
    expect(() => interval([])).toThrow(RangeError);
  });
});

describe("hypervolume", () => {
  it("is the area that a front dominates", () => {
    expect(hypervolume([])).toBe(0);
    expect(hypervolume([[0, 0]])).toBe(1);
    expect(hypervolume([[0.5, 0.5]])).toBe(0.25);
    expect(
      hypervolume([
        [0.25, 0.5],
        [0.5, 0.25],
      ]),
    ).toBeCloseTo(0.75 * 0.5 + 0.5 * 0.25, 12);
  });

  it("takes nothing from dominated points, nor from those beyond the reference", () => {
    const front: [number, number][] = [
      [0.2, 0.6],
      [0.6, 0.2],
    ];
    expect(hypervolume([...front, [0.7, 0.7], [0.2, 0.9], [1.5, 0], [0, 1]])).toBe(hypervolume(front));
  });

  it("counts what is better than both optima", () => expect(hypervolume([[-0.5, -0.5]])).toBe(2.25));
});

describe("outcome", () => {
  it("measures gaps from f*, raw and by the range of each objective", () => {
    const { gaps, idealDistance, scaledGaps, scaledDistance } = outcome(
      { sft: 1.8, dpo: 0.35 },
      { sft: 1.5, dpo: 0.05 },
      { sft: 0.6, dpo: 0.6 },
    );
    expect(gaps.sft).toBeCloseTo(0.3, 12);
    expect(idealDistance).toBeCloseTo(Math.hypot(0.3, 0.3), 12);
    expect(scaledGaps.dpo).toBeCloseTo(0.5, 12);
    expect(scaledDistance).toBeCloseTo(Math.SQRT1_2, 12);
  });

  it("a loss below f* is no scaled gap, and a raw one as in the paper", () => {
    const { idealDistance, scaledDistance } = outcome({ sft: 1 }, { sft: 1.5 }, { sft: 1 });
    expect(idealDistance).toBe(0.5);
    expect(scaledDistance).toBe(0);
  });

  it("ranges go to what the other objective alone leaves, else to the base model", () => {
    const payoff = [
      { sft: 1.5, dpo: 0.8 },
      { sft: 2.5, dpo: 0.1 },
    ];
    const ranges = rangesOf({ sft: 1.5, dpo: 0.1 }, { sft: 2, dpo: 0.69 }, payoff);
    expect(ranges.sft).toBe(1);
    expect(ranges.dpo).toBeCloseTo(0.7, 12);
    expect(rangesOf({ sft: 1.5 }, { sft: 2 }, [])).toEqual({ sft: 0.5 });
  });
});
