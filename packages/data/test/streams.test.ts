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

  it("passes over what is not kept where it meets it: the order of the rest is that of all", () => {
    const isKept = (index: number) => index % 3 !== 1;
    for (const order of ["shuffle", "file"] as const) {
      const all = new ExampleStream(10, { ...shuffle, order });
      const kept = new ExampleStream(10, { ...shuffle, order, isKept });
      const expected = all.next(40).filter(isKept);
      expect(kept.peek(expected.length)).toEqual(expected);
      expect([3, 1, 9, expected.length - 13].flatMap((n) => kept.next(n))).toEqual(expected);
    }
  });

  it("counts what it passed over in its state, and asks only of what it meets", () => {
    const asked: number[] = [];
    const isKept = (index: number) => {
      asked.push(index);
      return index > 1;
    };
    const file = { ...shuffle, order: "file" } as const;
    const stream = new ExampleStream(6, { ...file, isKept });
    expect(stream.next(2)).toEqual([2, 3]);
    expect(asked).toEqual([0, 1, 2, 3]);
    expect(stream.state()).toEqual({ pass: 0, position: 4 });
    expect(stream.next(3)).toEqual([4, 5, 2]);
    const resumed = new ExampleStream(6, { ...file, isKept });
    resumed.restore(stream.state());
    expect(resumed.next(5)).toEqual(stream.next(5));
  });

  it("says so where a whole pass holds nothing", () => {
    const stream = new ExampleStream(5, { ...shuffle, isKept: () => false });
    expect(() => stream.next(1)).toThrow("sft: none of its 5 rows is left to train on");
    expect(stream.state()).toEqual({ pass: 0, position: 0 });
    expect(new ExampleStream(5, { ...shuffle, isKept: (index) => index === 2 }).next(3)).toEqual([2, 2, 2]);
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

  it("holds out only what is kept, and asks of no more than it needs", () => {
    const asked = new Set<number>();
    const isKept = (row: number) => {
      asked.add(row);
      return row % 2 === 0;
    };
    const { train, held } = splitHoldout(200, options, isKept);
    expect(held).toHaveLength(20);
    expect([...held].every((row) => row % 2 === 0)).toBe(true);
    expect([...train, ...held].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(asked.size).toBeLessThan(80);
    // the rows that it would hold out were all kept, less those that are not, and the next ones
    const all = splitHoldout(200, options).held;
    expect([...all].filter((row) => row % 2 === 0).every((row) => held.includes(row))).toBe(true);
  });

  it("leaves something to train on where little is kept", () => {
    const few = (kept: number[]) =>
      splitHoldout(10, { ...options, fraction: 0.5 }, (row) => kept.includes(row));
    expect(few([4]).held).toEqual(new Uint32Array(0));
    expect(few([4, 7]).held).toHaveLength(1);
    expect(few([]).held).toEqual(new Uint32Array(0));
  });

  it("refuses a fraction outside [0, 1)", () => {
    expect(() => splitHoldout(10, { ...options, fraction: 1 })).toThrow("less than 1");
    expect(() => splitHoldout(10, { ...options, fraction: -0.1 })).toThrow("at least 0");
  });
});
