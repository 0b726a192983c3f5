import { readFileSync } from "node:fs";
import { counterRandom } from "@outright/data";
import {
  bootstrap,
  fitLogistic,
  lengthControlledWinRate,
  standardError,
  wilsonInterval,
} from "@outright/eval";
import { describe, expect, it } from "vitest";

const { cases } = JSON.parse(readFileSync(new URL("fixtures/logistic.json", import.meta.url), "utf8")) as {
  cases: {
    output: number[];
    reference: number[];
    y: number[];
    ridge: number;
    beta: number[];
    winRate: number;
  }[];
};

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

describe("fitLogistic", () => {
  it.each(cases.map((one, i) => [i, one] as const))("is scikit-learn's fit, case %i", (_, one) => {
    const difference = one.output.map((length, i) => length - (one.reference[i] as number));
    const mean = difference.reduce((a, b) => a + b, 0) / difference.length;
    const sd = Math.sqrt(difference.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (difference.length - 1));
    const beta = fitLogistic(
      difference.map((d) => [1, Math.tanh(d / sd)]),
      one.y,
      one.ridge,
    );
    for (const [j, expected] of one.beta.entries()) expect(beta[j]).toBeCloseTo(expected, 6);
  });

  it("of two groups is the log-odds of their means, where the ridge is next to nothing", () => {
    const x = [...Array(10).fill([1, 0]), ...Array(20).fill([1, 1])];
    const y = [...Array(3).fill(1), ...Array(7).fill(0), ...Array(15).fill(1), ...Array(5).fill(0)];
    const [intercept, slope] = fitLogistic(x, y, 1e-12) as [number, number];
    expect(intercept).toBeCloseTo(Math.log(3 / 7), 8);
    expect(intercept + slope).toBeCloseTo(Math.log(15 / 5), 8);
  });

  it("stays finite where the targets can be told apart", () => {
    const beta = fitLogistic(
      [
        [1, -1],
        [1, -0.5],
        [1, 0.5],
        [1, 1],
      ],
      [0, 0, 1, 1],
      0.01,
    );
    expect(beta.every(Number.isFinite)).toBe(true);
    expect(beta[1]).toBeGreaterThan(3);
  });
});

describe("lengthControlledWinRate", () => {
  const simulated = (n: number, theta: number, phi: number) => {
    const random = counterRandom(1, `simulated ${theta} ${phi}`);
    const rows = Array.from({ length: n }, (_, i) => ({
      output: Math.floor(3000 * random(3 * i)),
      reference: Math.floor(1500 * random(3 * i + 1)),
    }));
    const differences = rows.map(({ output, reference }) => output - reference);
    const mean = differences.reduce((a, b) => a + b, 0) / n;
    const sd = Math.sqrt(differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1));
    return rows.map((row, i) => ({
      ...row,
      score: random(3 * i + 2) < sigmoid(theta + phi * Math.tanh((differences[i] as number) / sd)) ? 1 : 0,
    }));
  };

  it.each(cases.map((one, i) => [i, one] as const).filter(([, { ridge }]) => ridge === 0.01))(
    "has scikit-learn's rate, case %i",
    (_, one) => {
      const scored = one.y.map((score, i) => ({
        score,
        output: one.output[i] as number,
        reference: one.reference[i] as number,
      }));
      expect(lengthControlledWinRate(scored, 0)?.winRate).toBeCloseTo(one.winRate, 7);
    },
  );

  it("finds the rate of a judge who also likes length, and its interval holds it", () => {
    for (const [theta, phi] of [
      [0, 2],
      [0.8, 1],
      [-0.5, -1.5],
    ] as const) {
      const found = lengthControlledWinRate(simulated(1200, theta, phi), 0);
      expect(found?.winRate).toBeGreaterThan(sigmoid(theta) - 4 * (found?.standardError ?? 0));
      expect(found?.winRate).toBeLessThan(sigmoid(theta) + 4 * (found?.standardError ?? 0));
      expect(found?.standardError).toBeLessThan(0.04);
      expect(found?.interval[0]).toBeLessThan(found?.winRate ?? 0);
      expect(found?.interval[1]).toBeGreaterThan(found?.winRate ?? 1);
      expect(Math.sign(found?.lengthEffect ?? 0)).toBe(Math.sign(phi));
    }
  });

  it("is the same for the same seed, and its interval another for another", () => {
    const scored = simulated(60, 0.3, 1);
    expect(lengthControlledWinRate(scored, 3)).toEqual(lengthControlledWinRate(scored, 3));
    expect(lengthControlledWinRate(scored, 4)?.interval).not.toEqual(
      lengthControlledWinRate(scored, 3)?.interval,
    );
  });

  it("is the plain rate where all differences are one, and none for a single instruction", () => {
    const scored = [1, 1, 1, 0].map((score) => ({ score, output: 20, reference: 10 }));
    expect(lengthControlledWinRate(scored, 0)?.winRate).toBeCloseTo(0.75, 2);
    expect(lengthControlledWinRate(scored, 0)?.lengthEffect).toBeCloseTo(0, 12);
    expect(lengthControlledWinRate(scored.slice(0, 1), 0)).toBeNull();
  });

  it("is a number where the model won everything", () => {
    const scored = [3, 50, 7, 9].map((output) => ({ score: 1, output, reference: 10 }));
    const found = lengthControlledWinRate(scored, 0);
    expect(found?.winRate).toBeGreaterThan(0.95);
    expect(found?.winRate).toBeLessThan(1);
  });
});

describe("intervals", () => {
  // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662, 15 of 148 gives 0.0624 to 0.1605
  it("Wilson's are those of Newcombe's table", () => {
    const rounded = ([low, high]: readonly number[]) => [low?.toFixed(4), high?.toFixed(4)];
    expect(rounded(wilsonInterval(81 / 263, 263))).toEqual(["0.2553", "0.3662"]);
    expect(rounded(wilsonInterval(15 / 148, 148))).toEqual(["0.0624", "0.1605"]);
    expect(wilsonInterval(1, 10)[1]).toBeCloseTo(1, 12);
    expect(wilsonInterval(1, 10)[0]).toBeCloseTo(0.7225, 4);
  });

  it("the standard error is that of a mean", () => {
    expect(standardError([0, 1, 1, 0])).toBeCloseTo(Math.sqrt(1 / 3 / 4), 12);
    expect(standardError([1])).toBe(0);
  });

  it("the bootstrap of a mean has about its standard error", () => {
    const values = Array.from({ length: 200 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    const found = bootstrap(
      values.length,
      (at) => at.reduce((sum, i) => sum + (values[i] as number), 0) / at.length,
      {
        resamples: 2000,
        seed: 1,
      },
    );
    expect(found.standardError).toBeCloseTo(standardError(values), 2.5);
    expect(found.interval[0]).toBeCloseTo(0.2 - 1.96 * standardError(values), 1.8);
    expect(found.interval[1]).toBeCloseTo(0.2 + 1.96 * standardError(values), 1.8);
  });
});
