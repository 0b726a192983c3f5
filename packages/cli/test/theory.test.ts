/** `outright theory` as people call it. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Outcome, run } from "./command.js";

const FILES = [
  ...[
    "theory.json",
    "theory.html",
    "paths.svg",
    "paths.png",
    "paths.csv",
    "front.svg",
    "front.png",
    "front.csv",
    "gaps.svg",
    "gaps.png",
    "gaps.csv",
  ],
].map((name) => join("out", name));

let folder: string;
let first: Outcome;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "outright-theory-"));
  first = await run(["theory", "--out", "out"], { cwd: folder });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("tells what was found and which files were written, in lines of a terminal", () => {
  expect(first).toMatchObject({ code: 0, stderr: "" });
  const lines = first.stdout.trimEnd().split("\n");
  expect(lines[0]).toBe("the built-in example, lambda 0.5, gaps in nats");
  expect(lines.slice(-FILES.length)).toEqual(FILES);
  for (const file of FILES) expect(existsSync(join(folder, file)), file).toBe(true);
  expect(lines.length).toBe(6 + FILES.length);
  for (const name of ["DPO, then SFT", "SFT, then DPO", "Mix", "ALRIGHT", "MAXRIGHT"]) {
    expect(first.stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  }
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

it("writes the same bytes again, and keeps its place in the numbers: the paper's statements hold", async () => {
  const before = FILES.map((file) => readFileSync(join(folder, file), "utf8"));
  const { stdout, stderr, code } = await run(["theory", "--out", "out", "--json"], { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(FILES.map((file) => readFileSync(join(folder, file), "utf8"))).toEqual(before);
  const found = JSON.parse(stdout);
  expect(stdout.trimEnd()).not.toContain("\n");
  expect(found.files).toEqual(FILES);
  for (const { constant, leastSteps, gaps } of found.sequential) {
    expect(constant).toBeGreaterThan(0);
    for (const { steps, gap } of gaps) if (steps >= leastSteps) expect(gap).toBeGreaterThan(constant);
  }
  expect(found.alright.slope).toBeLessThan(-0.4);
  expect(found.maxright.excess).toBeLessThan(2 * found.maxright.step);
});

it("takes another lambda and another instance", async () => {
  const args = ["theory", "--out", "other", "--lambda", "0.3", "--seed", "4", "--json"];
  const { stdout, code } = await run(args, { cwd: folder });
  const found = JSON.parse(stdout);
  expect({ code, seed: found.seed, lambda: found.lambda }).toEqual({ code: 0, seed: 4, lambda: 0.3 });
  const written = JSON.parse(readFileSync(join(folder, "other", "theory.json"), "utf8"));
  expect(written.instance.lambda).toBe(0.3);
  const built = JSON.parse(readFileSync(join(folder, FILES[0]!), "utf8"));
  expect(written.instance.features).not.toEqual(built.instance.features);
});

it("says in one line what is wrong", async () => {
  writeFileSync(join(folder, "file"), "");
  const line = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(["theory", ...args], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    return stderr;
  };
  for (const lambda of ["0", "1", "-1", "half", ""]) {
    expect(await line("--lambda", lambda)).toBe(
      `outright: option '--lambda <number>' argument '${lambda}' is invalid. It must be a number between 0 and 1, neither of them; see \`outright theory --help\`\n`,
    );
  }
  expect(await line("--seed", "x")).toContain("option '--seed <number>' argument 'x' is invalid");
  expect(await line("--out", "file")).toBe(
    `outright: ${join("file", "theory.json")}: cannot be written (EEXIST); give another directory with --out\n`,
  );
  expect(await line("--seed", "1", "--lambda", "0.000001")).toMatch(
    /^outright: theory: none of 2000 random instances of seed 1 meets the assumptions .*\n$/,
  );
  expect(readdirSync(folder).sort()).toEqual(["file", "other", "out"]);
});
