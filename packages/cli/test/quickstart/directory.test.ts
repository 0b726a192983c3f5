import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDirectory } from "../../src/quickstart/directory.js";
import { settingsFor, settingsThatDiffer } from "../../src/quickstart/settings.js";

const settings = settingsFor({ seed: 1, fast: false });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "outright-quickstart-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("the quickstart's directory", () => {
  it("is made with those above it, and opened again with the same settings", () => {
    const deep = join(root, "a", "b");
    const paths = openDirectory(deep, settings, false);
    expect(JSON.parse(readFileSync(join(deep, "quickstart.json"), "utf8"))).toEqual(settings);
    expect(openDirectory(deep, settings, false)).toEqual(paths);
  });

  it("goes on where a kill left nothing but half a marker", () => {
    writeFileSync(join(root, ".quickstart.json.outright-tmp-99999999"), '{"ver');
    openDirectory(root, settings, false);
    expect(readdirSync(root)).toEqual(["quickstart.json"]);
  });

  it("names the first setting that differs", () => {
    openDirectory(root, settings, false);
    const other = { ...settings, budget: { ...settings.budget, steps: 7, lr: 1 } };
    expect(() => openDirectory(root, other, false)).toThrow("(budget.steps and 1 more)");
    writeFileSync(join(root, "quickstart.json"), "{");
    expect(() => openDirectory(root, settings, false)).toThrow(
      "quickstart.json: cannot be read; add --fresh",
    );
  });

  it("with fresh, loses what a quickstart made and nothing else", () => {
    const paths = openDirectory(root, settings, false);
    for (const path of [paths.world, paths.answers, join(root, "mix"), join(root, "mine")]) {
      mkdirSync(path);
      writeFileSync(join(path, "file"), "");
    }
    writeFileSync(paths.results, "{}");
    const other = settingsFor({ seed: 2, fast: false });
    openDirectory(root, other, true);
    expect(readdirSync(root).sort()).toEqual(["mine", "quickstart.json"]);
    expect(openDirectory(root, other, false)).toEqual(paths);
  });
});

describe("settings that differ", () => {
  it("are named by their path, also where one side lacks them", () => {
    expect(settingsThatDiffer({ a: { b: 1, c: 2 } }, { a: { b: 1, d: 2 } })).toEqual(["a.c", "a.d"]);
    expect(settingsThatDiffer(settings, structuredClone(settings))).toEqual([]);
    expect(settingsThatDiffer(null, { a: 1 })).toEqual([""]);
  });
});
