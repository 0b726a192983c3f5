import { describe, expect, it } from "vitest";
import { Countdown } from "../../src/quickstart/countdown.js";

describe("the time that is left", () => {
  it("follows from the speed so far, and is not told too early", () => {
    let now = 100;
    const countdown = new Countdown([10, 30], () => now);
    countdown.begin(0);
    expect(countdown.left(0)).toBeUndefined();
    now = 105;
    expect(countdown.left(0.5)).toBeCloseTo(35, 9);
    countdown.begin(1);
    now = 120; // twice as long as planned
    expect(countdown.left(0)).toBeCloseTo(60, 9);
    expect(countdown.left(1)).toBe(0);
  });

  it("counts what was there already neither as done nor as to do", () => {
    let now = 0;
    const countdown = new Countdown([100, 10, 10], () => now);
    countdown.skip(0);
    countdown.begin(1);
    countdown.skip(1, 0.5);
    now = 5;
    countdown.begin(2);
    expect(countdown.left(0)).toBeCloseTo(10, 9);
  });
});
