/** The figures of `outright theory`, from a made-up theory.json of two bowls. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { renderTheory } from "@outright/report";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { scratch } from "./synthetic.js";

const METHODS = ["Sequential", "Mix", "ALRIGHT", "MAXRIGHT"];
const MARKS = ["start", "SFT optimum", "DPO optimum", "mixture optimum", "min-max point"];

/** SFT's least is at (1, 0), DPO's at (0, 1). */
function place(x: number, y: number) {
  const [sftGap, dpoGap] = [(x - 1) ** 2 + 2 * y ** 2, 2 * x ** 2 + (y - 1) ** 2];
  return { x, y, sftGap, dpoGap, mixtureGap: (sftGap + dpoGap) / 2 };
}

function theory(change: Record<string, unknown> = {}) {
  const [columns, rows] = [41, 31];
  const cells = Array.from({ length: columns * rows }, (_, i) =>
    place(-1 + (3 * (i % columns)) / (columns - 1), -1 + (3 * Math.floor(i / columns)) / (rows - 1)),
  );
  const line = (from: [number, number], to: [number, number], step = 0) =>
    Array.from({ length: 21 }, (_, i) => ({
      step: step + 10 * i,
      ...place(from[0] + ((to[0] - from[0]) * i) / 20, from[1] + ((to[1] - from[1]) * i) / 20),
    }));
  const path = (method: string, to: [number, number], order?: string) => ({
    ...{ method, steps: 200, points: line([1.5, 1.5], to) },
    ...(order === undefined ? {} : { order }),
  });
  const curve = (method: string, power: number, order?: string) => ({
    ...{ method, points: [10, 100, 1000, 10_000].map((steps) => ({ steps, gap: steps ** power })) },
    ...(order === undefined ? {} : { order }),
    ...(method === "alright" ? { slope: power } : {}),
  });
  return {
    ...{ kind: "outright-theory", version: 1, seed: null, instance: { lambda: 0.5 } },
    ...{ stepScale: 1, pathStepScale: 0.2, fittedFrom: 100 },
    marks: {
      ...{ start: place(1.5, 1.5), sft: place(1, 0), dpo: place(0, 1) },
      ...{ mixture: place(0.33, 0.33), minMax: place(0.36, 0.36) },
    },
    front: line([1, 0], [0, 1]).map((p, i) => ({ ...p, weight: i / 20 })),
    grid: {
      ...{ x: [-1, 2], y: [-1, 2], columns, rows },
      ...{ sft: cells.map((c) => c.sftGap), dpo: cells.map((c) => c.dpoGap) },
    },
    paths: [
      ...[path("sequential", [1, 0], "dpo-sft"), path("sequential", [0, 1], "sft-dpo")],
      ...[path("mix", [0.33, 0.33]), path("alright", [0.33, 0.34]), path("maxright", [0.36, 0.36])],
    ],
    curves: [
      ...[curve("sequential", 0, "dpo-sft"), curve("sequential", 0, "sft-dpo")],
      ...[curve("mix", -2.5), curve("alright", -0.51), curve("maxright", -0.5)],
    ],
    bounds: [
      { order: "dpo-sft", leastSteps: 100, constant: 0.5, limit: 1 },
      { order: "sft-dpo", leastSteps: 100, constant: -0.2, limit: 1 },
    ],
    ...change,
  };
}

async function rendered(change: Record<string, unknown> = {}) {
  const out = await scratch();
  const file = join(out, "theory.json");
  await writeFile(file, JSON.stringify(theory(change)));
  const files = await renderTheory(file, out);
  return { out, files, html: await readFile(files[0]!, "utf8") };
}

describe("the figures of theory.json", async () => {
  const { out, files, html } = await rendered();
  const { document } = parseHTML(html);

  it("are a page, and for each figure an SVG, a PNG and a CSV, with nothing left beside them", async () => {
    const names = files.map((file) => file.slice(out.length + 1));
    expect(names).toEqual([
      ...[
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
    ]);
    expect((await readdir(out)).sort()).toEqual([...names, "theory.json"].sort());
  });

  it("name every place in every panel of paths, in words and with a shape of its own", () => {
    const panels = [...document.querySelectorAll("#paths svg")];
    expect(panels.length).toBe(METHODS.length);
    for (const [i, panel] of panels.entries()) {
      const texts = [...panel.querySelectorAll("text")].map((text) => text.textContent);
      expect(texts.some((text) => text.startsWith(METHODS[i]!))).toBe(true);
      for (const mark of MARKS) expect(texts).toContain(mark);
      // contours of both losses, told apart by dashes too
      expect(panel.querySelectorAll('[aria-label="contour"]').length).toBe(2);
      expect(panel.querySelectorAll('[aria-label="contour"] [stroke-dasharray="5 3"]').length).toBe(1);
    }
    const texts = [...panels[0]!.querySelectorAll("text")].map((text) => text.textContent);
    expect(texts).toEqual(expect.arrayContaining(["DPO, then SFT", "SFT, then DPO"]));
  });

  it("show Sequential's constant as a line, and say where there is none", () => {
    const texts = [...document.querySelectorAll("#gaps text")].map((text) => text.textContent);
    expect(texts).toEqual(expect.arrayContaining(["constant for DPO, then SFT", "ALRIGHT: slope −0.51"]));
    expect(texts).not.toContain("constant for SFT, then DPO");
    expect(document.querySelector("#gaps figcaption")!.textContent).toContain(
      "There is no such constant for SFT, then DPO here.",
    );
  });

  it("load nothing from elsewhere, know light and dark, and have a description for each picture", () => {
    expect(html).not.toMatch(/(?:src|href)="(?!data:|#)/);
    expect(html).toContain("prefers-color-scheme:dark");
    for (const svg of document.querySelectorAll("figure svg")) {
      expect(svg.getAttribute("role")).toBe("img");
      expect(svg.getAttribute("aria-label")!.length).toBeGreaterThan(20);
    }
  });

  it("as SVG files stand alone: no variables of the page, one picture with all panels inside its frame", async () => {
    for (const id of ["paths", "front", "gaps"]) {
      const svg = await readFile(join(out, `${id}.svg`), "utf8");
      expect(svg).not.toMatch(/var\(|NaN|undefined/);
      const root = parseHTML(svg).document.querySelector("svg")!;
      // what is drawn in the current colour has one
      expect(root.getAttribute("color")).toMatch(/^#[0-9a-f]{6}$/);
      const [width, height] = ["width", "height"].map((name) => Number(root.getAttribute(name)));
      const panels = [...document.querySelectorAll(`#${id} svg`)];
      const cells = [...root.children].filter((child) => child.localName === "g");
      expect(cells.length).toBe(panels.length);
      for (const [i, cell] of cells.entries()) {
        const [x, y] = /translate\((\d+),(\d+)\)/.exec(cell.getAttribute("transform")!)!.slice(1).map(Number);
        const [w, h] = ["width", "height"].map((name) => Number(panels[i]!.getAttribute(name)));
        expect(x! + w!).toBeLessThanOrEqual(width!);
        expect(y! + h!).toBeLessThanOrEqual(height!);
      }
    }
  });

  it("have all their numbers in the CSV files", async () => {
    const lines = async (name: string) => (await readFile(join(out, name), "utf8")).trimEnd().split("\n");
    const paths = await lines("paths.csv");
    expect(paths[0]).toBe("method,step,theta 1,theta 2,SFT gap,DPO gap,mixture gap");
    expect(paths.length).toBe(1 + 5 * 21 + MARKS.length + 21);
    expect(paths[1]).toBe('"DPO, then SFT",0,1.5,1.5,4.75,4.75,4.75');
    const gaps = await lines("gaps.csv");
    expect(gaps).toContain('"constant for DPO, then SFT",100,0.5');
    expect(gaps).toContain("MAXRIGHT,100,0.1");
  });
});

describe("a theory.json that cannot be drawn is told in one line", () => {
  const cases: [what: string, text: string, message: string][] = [
    ["no JSON", "{", "cannot be read (it is no JSON)"],
    ["another file", "{}", "not a file of `outright theory`"],
    ["null", "null", "not a file of `outright theory`"],
    [
      "another version",
      JSON.stringify(theory({ version: 2 })),
      "has version 2, this program reads version 1; write it anew with `outright theory`",
    ],
    ["half a file", JSON.stringify(theory({ grid: undefined })), "parts of it are missing"],
  ];
  it.each(cases)("%s", async (_, text, message) => {
    const out = await scratch();
    const file = join(out, "theory.json");
    await writeFile(file, text);
    const error = await renderTheory(file, out).catch((cause: Error) => cause);
    expect((error as Error).message).toContain(`${file}: ${message}`);
    expect((error as Error).message).not.toContain("\n");
  });

  it("is missing", async () => {
    await expect(renderTheory("/nowhere/theory.json", "/nowhere")).rejects.toThrow(
      "/nowhere/theory.json: cannot be read (ENOENT)",
    );
  });
});
