import { describe, expect, it } from "vitest";
import { tail } from "../lib/run.mjs";
import { lastCounts, skippedLines } from "../lib/tests.mjs";
import { atLeast, distribution, installLines, parseVersion } from "../lib/toolchain.mjs";

describe("versions", () => {
  it.each([
    ["g++ (Debian 12.2.0-14+deb12u1) 12.2.0", [12, 2, 0]],
    ["cmake version 3.25.1", [3, 25, 1]],
    ["Apple clang version 15.0.0 (clang-1500.3.9.4)", [15, 0, 0]],
    ["GNU Make 4.3", [4, 3]],
    ["no number here", undefined],
  ])("%s", (text, version) => {
    expect(parseVersion(text)).toEqual(version);
  });

  it("are compared number by number, not as text", () => {
    expect(atLeast([3, 9], [3, 22])).toBe(false);
    expect(atLeast([3, 22], [3, 22])).toBe(true);
    expect(atLeast([4], [3, 22])).toBe(true);
    expect(atLeast([3], [3, 22])).toBe(false);
  });
});

describe("what to install", () => {
  const ubuntu = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n';
  const rocky = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n';

  it("is one line for a system we know", () => {
    expect(installLines(["compiler", "cmake"], distribution(ubuntu), "linux")).toEqual([
      "sudo apt-get install -y --no-install-recommends g++ cmake",
    ]);
    expect(installLines(["compiler"], distribution(rocky), "linux")).toEqual(["sudo dnf install -y gcc-c++"]);
    expect(installLines(["cmake", "make"], [], "darwin")).toEqual(["brew install cmake make"]);
  });

  it("is a line for each manager elsewhere", () => {
    const lines = installLines(["make"], distribution("ID=arch\n"), "linux");
    expect(lines.map((text) => text.split(":")[0])).toEqual(["apt", "dnf", "brew"]);
  });
});

describe("what a test program says", () => {
  it("ends with its counts, the last ones count", () => {
    expect(lastCounts("3 passed, 0 failed\nnoise\n12 passed, 1 failed, 2 skipped\n")).toEqual({
      passed: 12,
      failed: 1,
      skipped: 2,
    });
    expect(lastCounts("3 passed, 0 failed")).toEqual({ passed: 3, failed: 0, skipped: 0 });
    expect(lastCounts("all 3 passed, 0 failed, hooray")).toBeUndefined();
  });

  it("names what it skipped", () => {
    expect(skippedLines("ok\nSKIPPED avx512: this processor lacks it\n")).toEqual([
      { name: "avx512", reason: "this processor lacks it" },
    ]);
  });

  it("is cut to its end, blank lines left out", () => {
    expect(tail("a\n\nb\nc\n", 2)).toBe("b\nc");
  });
});
