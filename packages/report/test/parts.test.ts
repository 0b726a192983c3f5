import { describe, expect, it } from "vitest";
import { csvHref, toCsv } from "../src/csv.js";
import { logTicks, lossAxis } from "../src/figures/figure.js";
import { freest, placeLabels, spread, textBox } from "../src/labels.js";
import { look } from "../src/look.js";
import { bestRows, formatValue } from "../src/results.js";
import { binned } from "../src/series.js";
import { chosenFalls } from "../src/warnings.js";

describe("csv", () => {
  it("quotes, and survives the way through an address", () => {
    const csv = toCsv(
      ["run", "x"],
      [
        ['a "b", c', 1e-7],
        ["ü % # &\n<", Number.NaN],
      ],
    );
    expect(csv).toBe('run,x\n"a ""b"", c",1e-7\n"ü % # &\n<",\n');
    const href = csvHref(csv);
    expect(decodeURIComponent(href.slice(href.indexOf(",") + 1))).toBe(csv);
    expect(href).not.toMatch(/[\s"<>#&]/);
  });
});

describe("ticks of a log axis", () => {
  it("are the roundest numbers that have room", () => {
    expect(logTicks([0.05, 4], 90)).toEqual([0.1, 0.3, 1, 3]);
    expect(logTicks([0.05, 4], 500)).toContain(0.4);
  });

  it.each([40, 90, 210, 960])("keep apart in %i pixels, and are never fewer than two", (room) => {
    const at = logTicks([0.02, 9], room).map((tick) => (room * Math.log(tick / 0.02)) / Math.log(9 / 0.02));
    expect(at.length).toBeGreaterThan(1);
    for (const [i, x] of at.slice(1).entries()) expect(x - (at[i] as number)).toBeGreaterThanOrEqual(13);
  });
});

describe("labels", () => {
  it("takes the first place that covers nothing, else the one that covers least", () => {
    const boxes = [0, 100, 200].map((left) => textBox("words", left, 50));
    const points = [{ x: 10, y: 50 }];
    expect(freest(boxes, points)).toBe(boxes[1]);
    const everywhere = boxes.flatMap(({ left }) => [left, left + 5].map((x) => ({ x, y: 50 })));
    expect(freest(boxes, everywhere.slice(0, -1))).toBe(boxes[2]);
  });

  it("keeps names out of what is blocked", () => {
    const bounds = { left: 0, right: 900, top: 0, bottom: 400 };
    const anchor = { x: 400, y: 200, text: "name" };
    const [free] = placeLabels([anchor], bounds);
    expect(free).toMatchObject({ align: "start", dy: 0 });
    const [moved] = placeLabels([anchor], bounds, [], [], [textBox("name", 405, 200)]);
    expect(moved).toMatchObject({ align: "end", dy: 0 });
  });

  it("keeps names of crowded ends apart, inside the frame and off the marks", () => {
    const anchors = Array.from({ length: 8 }, (_, i) => ({ x: 400 + i, y: 200 + i, text: "a-long-name" }));
    const bounds = { left: 0, right: 900, top: 0, bottom: 400 };
    const boxes = placeLabels(anchors, bounds).map((p, i) => {
      const left = anchors[i]!.x + p.dx - (p.align === "end" ? 11 * 6.3 : 0);
      return { left, right: left + 11 * 6.3, y: anchors[i]!.y + p.dy };
    });
    for (const [i, a] of boxes.entries()) {
      expect(a.left >= 0 && a.right <= 900 && a.y >= 7 && a.y <= 393).toBe(true);
      for (const b of boxes.slice(i + 1))
        expect(a.right <= b.left || b.right <= a.left || Math.abs(a.y - b.y) >= 14).toBe(true);
    }
  });

  it("spreads heights, keeping their order", () => {
    const out = spread([50, 51, 52, 10], 12, 0, 100);
    expect(out[3]).toBe(10);
    expect(out[1]! - out[0]!).toBeGreaterThanOrEqual(12);
    expect(out[2]! - out[1]!).toBeGreaterThanOrEqual(12);
    expect(spread([99, 99, 99], 12, 0, 100).every((y) => y <= 100)).toBe(true);
  });
});

describe("curves", () => {
  it("are means over equal stretches once long", () => {
    const points = Array.from({ length: 1000 }, (_, i) => ({ step: i + 1, value: i % 2 }));
    const out = binned(points, 100);
    expect(out.length).toBe(100);
    expect(out.every((p) => p.value === 0.5)).toBe(true);
    expect(out.at(-1)!.step).toBe(1000);
    points[5]!.value = Number.NaN;
    expect(binned(points, 100)[0]!.value).toBeNaN();
  });

  it("get 56 different looks", () => {
    expect(new Set(Array.from({ length: 56 }, (_, i) => JSON.stringify(look(i)))).size).toBe(56);
  });
});

describe("loss axes", () => {
  it("are logarithmic only where positive losses span an order of magnitude", () => {
    expect(lossAxis([0.3, 2]).type).toBe("linear");
    expect(lossAxis([0.3, 5]).type).toBe("log");
    expect(lossAxis([0, 5]).type).toBe("linear");
    const { domain } = lossAxis([0.1, Number.NaN, 10]);
    expect(domain[0]).toBeLessThan(0.1);
    expect(domain[0]).toBeGreaterThan(0.05);
    expect(domain[1]).toBeGreaterThan(10);
    expect(lossAxis([]).domain).toEqual([0, 1]);
  });
});

describe("chosen falls", () => {
  const rows = (chosen: number[], rejected: number[]) => ({
    source: "held out" as const,
    rows: chosen.map((c, i) => ({ step: 10 * i, chosen: c, rejected: rejected[i]! })),
  });
  it("is told with its span, depth and growth", () => {
    expect(chosenFalls(rows([-50, -49, -55, -60, -58], [-50, -52, -70, -90, -95]))).toEqual({
      from: 20,
      to: 40,
      fall: 10,
      growth: 30,
    });
  });
  it("is not told when the margin shrinks too, when chosen rises, or for noise", () => {
    expect(chosenFalls(rows([-50, -60, -70], [-50, -55, -60]))).toBeUndefined();
    expect(chosenFalls(rows([-50, -45, -40], [-50, -60, -70]))).toBeUndefined();
    expect(chosenFalls(rows([-500, -501, -502], [-500, -520, -540]))).toBeUndefined();
    expect(chosenFalls(rows([-50, Number.NaN, Number.NaN], [-50, -60, -70]))).toBeUndefined();
  });
});

describe("table values", () => {
  it("are formatted by their column", () => {
    expect(formatValue(0.12345, { key: "a", label: "a" })).toBe("0.123");
    expect(formatValue(-0.0001, { key: "a", label: "a" })).toBe("0.000");
    expect(formatValue(-0.5, { key: "a", label: "a", digits: 1 })).toBe("−0.5");
    expect(formatValue(0.934, { key: "a", label: "a", unit: "%" })).toBe("93 %");
    expect(formatValue(null, { key: "a", label: "a" })).toBe("–");
    expect(formatValue(Number.POSITIVE_INFINITY, { key: "a", label: "a" })).toBe("∞");
  });
  it("best of a column is by its better end, and none where all are equal", () => {
    const results = {
      title: "",
      notes: [],
      columns: [],
      rows: [
        { name: "a", v: 1, w: 2 },
        { name: "b", v: 3, w: 2 },
        { name: "c", v: null, w: 2 },
      ],
    };
    expect([...bestRows(results, { key: "v", label: "v", better: "low" })]).toEqual([0]);
    expect([...bestRows(results, { key: "v", label: "v", better: "high" })]).toEqual([1]);
    expect(bestRows(results, { key: "w", label: "w", better: "high" }).size).toBe(0);
    expect(bestRows(results, { key: "v", label: "v" }).size).toBe(0);
  });
});
