import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ScratchFile } from "@outright/checkpoint";
import { expect, it } from "vitest";
import { errorOf, temporaryDirectory } from "./temporary.js";

const dir = temporaryDirectory();

it("gives back what was written, at its place, and has no name", () => {
  const file = new ScratchFile(join(dir, "scratch"), "numbers");
  expect(readdirSync(dir)).toEqual([]);
  expect(file.append(Float32Array.of(1, 2, 3))).toBe(0);
  expect(file.append(Float64Array.of(4, 5))).toBe(12);
  expect(file.bytes).toBe(28);
  const into = new Float32Array(2);
  file.read(4, into);
  expect([...into]).toEqual([2, 3]);
  const wide = new Float64Array(2);
  file.read(12, wide);
  expect([...wide]).toEqual([4, 5]);
  expect(errorOf(() => file.read(24, wide))).toContain("ends at byte 28");
  file.close();
  file.close();
  expect(errorOf(() => file.append(into))).toContain("is closed already");
});

it("says in one line where it cannot be", () => {
  const path = join(dir, "none", "scratch");
  expect(errorOf(() => new ScratchFile(path, "numbers"))).toContain(`${path}: cannot write numbers: `);
  expect(existsSync(path)).toBe(false);
});
