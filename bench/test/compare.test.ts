import { describe, expect, it } from "vitest";
import { compare, compareTable } from "../lib/compare.js";
import { entry, file } from "./results.js";

describe("comparing two results", () => {
  it("gives B / A and says whether B is better, in the direction of the unit", () => {
    const a = file(entry("rate", [100]), entry("time", [10], { unit: "ms", better: "lower" }));
    const b = file(entry("rate", [150]), entry("time", [15], { unit: "ms", better: "lower" }));
    expect(compare(a, b).both.map(({ name, ratio, verdict }) => [name, ratio, verdict])).toEqual([
      ["rate", 1.5, "better"],
      ["time", 1.5, "worse"],
    ]);
  });

  it("calls a difference noise that the measurements' own scatter explains", () => {
    const steady = [file(entry("rate", [100, 100, 100])), file(entry("rate", [110, 110, 110]))] as const;
    const noisy = [file(entry("rate", [80, 100, 120])), file(entry("rate", [90, 110, 130]))] as const;
    expect(compare(...steady).both[0]?.verdict).toBe("better");
    expect(compare(...noisy).both[0]?.verdict).toBe("within noise");
    expect(compare(file(entry("rate", [100])), file(entry("rate", [101]))).both[0]?.verdict).toBe(
      "within noise",
    );
  });

  it("names what stands in one file alone, and warns of another machine", () => {
    const a = file(entry("rate", [100]), entry("gone", [1]));
    const b = file(entry("rate", [100]), entry("new", [1]));
    b.machine.processor = "Another";
    const text = compareTable(a, b, { a: "a.json", b: "b.json" });
    expect(text).toContain("only in A: step: gone");
    expect(text).toContain("only in B: step: new");
    expect(text).toContain("not made on the same machine");
    expect(compareTable(a, a, { a: "a", b: "a" })).not.toContain("machine");
  });
});
