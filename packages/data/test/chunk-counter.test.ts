import { describe, expect, it } from "vitest";
import { ChunkCounter } from "../src/chunk-counter.js";

describe("ChunkCounter", () => {
  it("gives each chunk once, in order, to all that share it", () => {
    const one = new ChunkCounter(5);
    const other = new ChunkCounter(5, one.shared);
    expect([one.take(), other.take(), other.take(), one.take(), other.take()]).toEqual([0, 1, 2, 3, 4]);
    expect([one.take(), other.take(), one.take()]).toEqual([null, null, null]);
  });

  it("gives none after a stop", () => {
    const one = new ChunkCounter(5);
    expect(one.take()).toBe(0);
    new ChunkCounter(5, one.shared).stop();
    expect(one.take()).toBeNull();
  });
});
