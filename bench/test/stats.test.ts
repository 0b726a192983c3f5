import { describe, expect, it } from "vitest";
import { quantile, single, summarise } from "../lib/stats.js";

describe("summaries of measurements", () => {
  it("interpolates quantiles as numpy does", () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75);
    expect(quantile([7], 0.9)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });

  it("gives median, range, and the quartiles' distance as a share of the median", () => {
    expect(summarise([10, 20, 30, 40, 50])).toEqual({
      median: 30,
      min: 10,
      max: 50,
      spread: 20 / 30,
      count: 5,
    });
    expect(single(3)).toEqual({ median: 3, min: 3, max: 3, spread: 0, count: 1 });
  });

  it("is told of an outlier by the range and hardly by the median", () => {
    const { median, max } = summarise([1, 1, 1, 1, 100]);
    expect([median, max]).toEqual([1, 100]);
  });

  it("refuses to summarise nothing", () => {
    expect(() => summarise([])).toThrow("nothing was measured");
  });
});
