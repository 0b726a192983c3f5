import { execFileSync } from "node:child_process";
import { standaloneSvg, svgToPng } from "@outright/report";
import { describe, expect, it } from "vitest";
import { duration } from "../src/figures/sweep/costs.js";
import { digitsFor, fixed, plus, withHalf } from "../src/figures/sweep/format.js";
import { rowsChart } from "../src/figures/sweep/rows.js";
import { labelBox, placeNotes } from "../src/labels.js";
import { pictureHtml, pictureSvg } from "../src/picture.js";
import type { EvalRow, Run } from "../src/run.js";
import type { Interval } from "../src/sweep/format.js";
import { half, intervalOf, known, studentT95 } from "../src/sweep/intervals.js";
import { meanRun } from "../src/sweep/mean-run.js";

const SQUARE =
  '<svg class="chart" xmlns="http://www.w3.org/2000/svg" width="40" height="30" viewBox="0 0 40 30" fill="currentColor"><rect width="40" height="30" fill="url(#hatch-dots-run2)"/></svg>';

describe("intervals", () => {
  it("are Student's t", () => {
    // scipy.stats.t.ppf(0.975, df)
    for (const [df, t] of [
      [1, 12.70620474],
      [2, 4.30265273],
      [9, 2.26215716],
      [10, 2.22813885],
      [11, 2.20098516],
      [30, 2.04227246],
      [1000, 1.96233908],
    ] as const)
      expect(studentT95(df)).toBeCloseTo(t, df > 10 ? 3 : 4);
    expect(() => studentT95(0)).toThrow(/1 or more/);
  });

  it("of values, with one value and with none", () => {
    const three = intervalOf([1, 2, 3, Number.NaN])!;
    expect(three).toMatchObject({ mean: 2, n: 3 });
    expect(half(three)).toBeCloseTo(4.3027 / Math.sqrt(3), 4);
    expect(intervalOf([5])).toEqual({ mean: 5, low: 5, high: 5, n: 1 });
    expect(intervalOf([Number.NaN])).toBeUndefined();
    expect(known(null)).toBeUndefined();
    expect(known({ mean: 1, low: Number.NaN, high: 2, n: 2 })).toEqual({ mean: 1, low: 1, high: 2, n: 2 });
  });
});

describe("numbers for people", () => {
  it("have signs, digits and intervals", () => {
    expect([fixed(-0.0001, 2), fixed(-1.5, 1), plus(37.2), plus(-3), plus(0.2)]).toEqual([
      "0.00",
      "−1.5",
      "+37",
      "−3",
      "0",
    ]);
    expect(withHalf({ mean: 0.5, low: 0.4, high: 0.6, n: 3 }, 2)).toBe("0.50 ± 0.10");
    expect(withHalf({ mean: 0.5, low: 0.5, high: 0.5, n: 1 }, 2)).toBe("0.50");
    expect([digitsFor([123]), digitsFor([1.2]), digitsFor([0.012]), digitsFor([])]).toEqual([0, 2, 4, 3]);
    expect([duration(12.34), duration(725), duration(12_000)]).toEqual([
      "12.3 s",
      "12 min 5 s",
      "3 h 20 min",
    ]);
  });
});

describe("bars", () => {
  const at = (mean: number): Interval => ({ mean, low: mean - 0.01, high: mean + 0.01, n: 2 });
  const widths = (values: number[]): number[] => {
    const rows = values.map((value) => ({
      name: "a",
      look: { color: "var(--run0)", dash: "none", symbol: "circle" as const, fill: "var(--run0)" },
      values: [at(value)],
    }));
    const svg = rowsChart(
      "bars",
      [{ title: "g", rows }],
      [{ title: "gap", kind: "bars", text: String }],
      500,
    );
    return [...svg.matchAll(/aria-label="bar"[^>]*>.*?width="([\d.]+)"/g)].map((m) => Number(m[1]));
  };

  it("are as long as their values, whichever side of 0 they lie", () => {
    for (const values of [
      [0.1, 0.2],
      [-0.1, -0.2],
      [-0.1, 0.2],
    ]) {
      const [a, b] = widths(values);
      expect(b! / a!).toBeCloseTo(2, 1);
      expect(b).toBeGreaterThan(150);
    }
  });
});

describe("the mean of runs", () => {
  const row = (step: number, sft: number): EvalRow => ({
    step,
    losses: { sft },
    gaps: {},
    idealDistance: sft / 2,
    logps: {},
    margins: {},
    accuracies: {},
    kl: {},
    klSeconds: 0,
  });
  const run = (evals: EvalRow[]): Run => ({ name: "a", evals, steps: [], notes: [] }) as unknown as Run;

  it("is taken at each step where runs share their steps", () => {
    const { evals, name } = meanRun([run([row(0, 2), row(10, 1)]), run([row(0, 4), row(10, 2)])], "both");
    expect(name).toBe("both");
    expect(evals.map((e) => [e.step, e.losses["sft"], e.idealDistance])).toEqual([
      [0, 3, 1.5],
      [10, 1.5, 0.75],
    ]);
  });

  it("is taken at equal shares of the way where they do not", () => {
    const long = run([row(0, 2), row(10, 1), row(20, 0)]);
    const short = run([row(0, 4), row(10, 2)]);
    expect(meanRun([long, short], "both").evals.map((e) => [e.step, e.losses["sft"]])).toEqual([
      [0, 3],
      [8, 2],
      [15, 1],
    ]);
  });
});

describe("notes beside points", () => {
  const bounds = { left: 0, right: 300, top: 0, bottom: 200 };
  it("stand apart, and are left out where there is no room or the same is said close by", () => {
    const anchors = [
      { x: 100, y: 100, text: "0.5" },
      { x: 104, y: 104, text: "0.25" },
      { x: 110, y: 100, text: "0.5" },
    ];
    const [a, b, c] = placeNotes(anchors, bounds, anchors, []);
    const [first, second] = [labelBox(anchors[0]!, a!), labelBox(anchors[1]!, b!)];
    expect(
      first.right <= second.left ||
        second.right <= first.left ||
        first.bottom <= second.top ||
        second.bottom <= first.top,
    ).toBe(true);
    expect(c).toBeUndefined();
    expect(placeNotes([anchors[0]!], bounds, [], [bounds])).toEqual([undefined]);
  });
});

describe("pictures", () => {
  const picture = {
    columns: 2 as const,
    cells: [
      { title: "A <b>", charts: [SQUARE] },
      { warning: "It falls. Look.", charts: [SQUARE, SQUARE] },
    ],
  };
  it("are laid out on a page and in one file alike", () => {
    expect(pictureHtml(picture)).toContain("<h3>A &lt;b&gt;</h3>");
    expect(pictureHtml(picture)).toContain("<b>▲ It falls.</b> Look.");
    const svg = pictureSvg(picture, "T & U", "words");
    expect(svg).toContain('width="100"');
    expect(svg.match(/<rect width="40"/g)?.length).toBe(3);
    expect(svg).toContain("<title>T &amp; U</title>");
  });

  it("stand by themselves: colours, ground and patterns inside", () => {
    const svg = standaloneSvg(SQUARE);
    expect(svg).not.toContain("var(");
    expect(svg).toContain('<pattern id="hatch-dots-run2"');
    expect(svg).toContain('width="64" height="54"');
    expect(() => standaloneSvg("<p>")).toThrow(/not an SVG element/);
  });

  it("become PNG files, text and all, without any font of the machine", async () => {
    const blank = standaloneSvg(SQUARE);
    const text = blank.replace("</svg>", '<text y="20" fill="#000">λ ± 0.5</text></svg>');
    const [a, b] = [await svgToPng(blank), await svgToPng(text)];
    expect(Buffer.from(a).subarray(1, 4).toString()).toBe("PNG");
    expect(Buffer.from(a).readUInt32BE(16)).toBe(128);
    expect(Buffer.compare(a, b)).not.toBe(0);
    await expect(svgToPng("<svg")).rejects.toThrow(/^PNG: the picture cannot be drawn/);
  });

  it("cost nothing until one is drawn: the package does not load the library", () => {
    const script =
      'await import("@outright/report"); console.log(process.report.getReport().sharedObjects.filter((p) => p.includes("resvg")).length)';
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(out.trim()).toBe("0");
  });
});
