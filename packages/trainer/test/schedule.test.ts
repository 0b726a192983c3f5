import { learningRate } from "@outright/trainer";
import { describe, expect, it } from "vitest";

const rates = (name: "constant" | "linear" | "cosine", warmup: number, minimum = 0) =>
  Array.from({ length: 10 }, (_, i) => learningRate({ name, warmup, minimum }, 2, i + 1, 10));

describe("learning rate", () => {
  it("constant stays, after a warm-up that reaches it", () => {
    expect(rates("constant", 0)).toEqual(Array(10).fill(2));
    expect(rates("constant", 4).slice(0, 5)).toEqual([0.5, 1, 1.5, 2, 2]);
  });

  it("linear falls in equal steps and would reach its end one step after the last", () => {
    const falling = rates("linear", 0);
    expect(falling[0]).toBe(2);
    expect(falling[9]).toBeCloseTo(0.2, 12);
    const floored = rates("linear", 2, 0.5);
    expect(floored.slice(0, 3)).toEqual([1, 2, 2]);
    expect(floored[9]).toBeCloseTo(2 * (0.5 + 0.5 / 8), 12);
  });

  it("cosine is half way down in the middle", () => {
    expect(rates("cosine", 0)[5]).toBeCloseTo(1, 12);
    expect(rates("cosine", 0, 0.1)[5]).toBeCloseTo(1.1, 12);
  });
});
