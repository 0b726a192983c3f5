import { counterRandom, philox4x32, shuffled } from "@outright/data";
import { describe, expect, it } from "vitest";

describe("philox4x32", () => {
  // Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as [[number, number, number, number], [number, number], number[]][])(
    "gives the published words for counter %j",
    (counter, key, words) => {
      expect(philox4x32(counter, key)).toEqual(words);
    },
  );
});

describe("counterRandom", () => {
  it("depends on seed, stream and counter only", () => {
    const random = counterRandom(42, "policy");
    const forwards = [0, 1, 2, 3].map(random);
    expect([3, 2, 1, 0].map(random).reverse()).toEqual(forwards);
    expect(counterRandom(42, "policy")(2)).toBe(forwards[2]);
    expect(counterRandom(43, "policy")(2)).not.toBe(forwards[2]);
    expect(counterRandom(42, "data")(2)).not.toBe(forwards[2]);
  });

  it("is uniform in [0, 1) and uses more than 32 bits", () => {
    const random = counterRandom(7, "uniform");
    const draws = Array.from({ length: 20000 }, (_, i) => random(i));
    expect(draws.every((u) => u >= 0 && u < 1)).toBe(true);
    const tenths = new Array<number>(10).fill(0);
    for (const u of draws) tenths[Math.floor(u * 10)] = (tenths[Math.floor(u * 10)] as number) + 1;
    const chiSquare = tenths.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0);
    expect(chiSquare).toBeLessThan(27.9); // 9 degrees of freedom, p = 0.001
    expect(draws.some((u) => (u * 2 ** 32) % 1 !== 0)).toBe(true);
    expect(new Set(draws).size).toBe(draws.length);
  });

  it("tells counters beyond 32 bits apart and refuses what is no counter", () => {
    const random = counterRandom(1, "long");
    expect(random(2 ** 32)).not.toBe(random(0));
    expect(() => random(-1)).toThrow("whole number");
    expect(() => random(0.5)).toThrow("whole number");
  });
});

describe("shuffled", () => {
  it("is a permutation that changes with every argument", () => {
    const order = shuffled(100, 1, "sft", 0);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(shuffled(100, 1, "sft", 0)).toEqual(order);
    for (const other of [
      shuffled(100, 2, "sft", 0),
      shuffled(100, 1, "dpo", 0),
      shuffled(100, 1, "sft", 1),
    ]) {
      expect(other).not.toEqual(order);
    }
    expect(shuffled(0, 1, "sft", 0)).toHaveLength(0);
  });

  it("draws every order of three about equally often", () => {
    const seen = new Map<string, number>();
    for (let pass = 0; pass < 6000; pass++) {
      const key = shuffled(3, 5, "orders", pass).join("");
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    const chiSquare = [...seen.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(20.5); // 5 degrees of freedom, p = 0.001
  });
});
