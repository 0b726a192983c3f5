import { ExampleStream, splitHoldout } from "@outright/data";
import { describe, expect, it } from "vitest";

const shuffle = { seed: 42, name: "sft", order: "shuffle" } as const;

describe("ExampleStream", () => {
  it("gives every example once a pass, each pass in an order of its own", () => {
    const stream = new ExampleStream(10, shuffle);
    const passes = [stream.next(10), stream.next(10), stream.next(10)];
    for (const pass of passes)
      expect([...pass].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(new Set(passes.map(String)).size).toBe(3);
    expect(stream.state()).toEqual({ pass: 3, position: 0 });
  });

  it("gives the same order whatever the batch size", () => {
    const one = new ExampleStream(7, shuffle);
    const many = new ExampleStream(7, shuffle);
    const singles = Array.from({ length: 30 }, () => one.next(1)).flat();
    expect([4, 9, 1, 16].flatMap((n) => many.next(n))).toEqual(singles);
  });

  it("peeks without taking", () => {
    const stream = new ExampleStream(5, shuffle);
    stream.next(3);
    const before = stream.state();
    const seen = stream.peek(8);
    expect(stream.state()).toEqual(before);
    expect(stream.next(8)).toEqual(seen);
  });

  it("continues from a saved state", () => {
    const stream = new ExampleStream(9, shuffle);
    stream.next(25);
    const saved = JSON.parse(JSON.stringify(stream.state()));
    const rest = stream.next(20);
    const resumed = new ExampleStream(9, shuffle);
    resumed.next(4);
    resumed.restore(saved);
    expect(resumed.next(20)).toEqual(rest);
  });

  it("keeps file order and wraps round", () => {
    const stream = new ExampleStream(3, { ...shuffle, order: "file" });
    expect(stream.next(4)).toEqual([0, 1, 2, 0]);
    expect(stream.next(4)).toEqual([1, 2, 0, 1]);
  });

  it("differs between names", () => {
    const other = new ExampleStream(50, { ...shuffle, name: "dpo" });
    expect(other.next(50)).not.toEqual(new ExampleStream(50, shuffle).next(50));
  });

  it("refuses no examples, and a state of other data", () => {
    expect(() => new ExampleStream(0, shuffle)).toThrow("at least one example");
    expect(() => new ExampleStream(5, shuffle).restore({ pass: 0, position: 5 })).toThrow(
      "does not fit 5 examples",
    );
    expect(() => new ExampleStream(5, shuffle).restore({ pass: -1, position: 0 })).toThrow("does not fit");
  });
});

describe("splitHoldout", () => {
  const options = { fraction: 0.1, maxRows: 500, seed: 42, name: "sft" };

  it("parts the examples into two ascending lists", () => {
    const { train, held } = splitHoldout(200, options);
    expect(held).toHaveLength(20);
    expect([...train, ...held].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    for (const part of [train, held]) expect([...part]).toEqual([...part].sort((a, b) => a - b));
    expect(splitHoldout(200, options)).toEqual({ train, held });
    expect(splitHoldout(200, { ...options, seed: 1 }).held).not.toEqual(held);
  });

  it("is not the first rows of the file", () => {
    expect([...splitHoldout(200, options).held].every((i) => i < 20)).toBe(false);
  });

  it("holds no more than maxRows; the rest trains", () => {
    const { train, held } = splitHoldout(200, { ...options, maxRows: 5 });
    expect([train.length, held.length]).toEqual([195, 5]);
  });

  it("holds nothing for fraction 0 and never everything", () => {
    expect(splitHoldout(200, { ...options, fraction: 0 }).held).toHaveLength(0);
    expect(splitHoldout(1, { ...options, fraction: 0.9 })).toEqual({
      train: Uint32Array.of(0),
      held: new Uint32Array(0),
    });
  });

  it("refuses a fraction outside [0, 1)", () => {
    expect(() => splitHoldout(10, { ...options, fraction: 1 })).toThrow("less than 1");
    expect(() => splitHoldout(10, { ...options, fraction: -0.1 })).toThrow("at least 0");
  });
});
