import { access, appendFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isSweep, renderSweepReport } from "@outright/report";
import { parseHTML } from "linkedom";
import { beforeAll, describe, expect, it } from "vitest";
import { duration } from "../src/figures/sweep/costs.js";
import type { SweepRow } from "../src/sweep/format.js";
import { type Fixture, interval, type SweepSpec, writeSweep } from "./sweep-fixture.js";
import { scratch } from "./synthetic.js";

const DRAWN = [
  "front",
  "front-whole",
  "trajectories",
  "outcome",
  "increase",
  "quality",
  "ablation",
  "steps",
  "logprobs",
  "kl",
  "slices",
];

async function report(
  changed: Partial<SweepSpec> = {},
  edit: (dir: string) => Promise<void> = async () => {},
) {
  const fixture = await writeSweep(join(await scratch(), "first"), changed);
  await edit(fixture.dir);
  const result = await renderSweepReport({ dir: fixture.dir });
  const html = await readFile(result.path, "utf8");
  const drawn = Object.fromEntries(result.figures.map(({ id, drawn: isDrawn }) => [id, isDrawn]));
  return { ...fixture, result, html, drawn, document: parseHTML(html).document };
}

const few: Partial<SweepSpec> = { steps: 24, lambdas: [0.25, 0.5], seeds: [1, 2] };

/** A file's lines as objects; none of these files quotes a cell that holds a line end. */
async function csv(dir: string, id: string): Promise<Record<string, string>[]> {
  const [header, ...lines] = (await readFile(join(dir, "figures", `${id}.csv`), "utf8")).trim().split("\n");
  const split = (line: string): string[] =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) => m[1] ?? m[2] ?? "");
  const names = split(header!);
  return lines.map((line) => Object.fromEntries(split(line).map((cell, i) => [names[i]!, cell])));
}

/** Tags close in the order they opened, attributes are quoted and told once: an XML parser would take it. */
function expectWellFormed(svg: string, name: string): void {
  const open: string[] = [];
  for (const [tag, end, element, attributes, own] of svg.matchAll(
    /<(\/?)([\w:]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|<(?!\/?[\w:]+)/g,
  )) {
    expect(element, `${name}: ${tag}`).toBeDefined();
    const told = [...attributes!.matchAll(/([\w:-]+)=/g)].map((m) => m[1]);
    if (end === "/") expect(open.pop(), `${name}: ${tag}`).toBe(element);
    else {
      expect(new Set(told).size, `${name}: ${tag}`).toBe(told.length);
      if (own === "") open.push(element!);
    }
  }
  expect(open, name).toEqual([]);
  expect(svg.replace(/&(amp|lt|gt|quot|nbsp|#\d+|#x[\da-f]+);/gi, ""), name).not.toContain("&");
}

describe("a whole sweep", () => {
  let whole: Awaited<ReturnType<typeof report>>;
  beforeAll(async () => {
    whole = await report({ failed: ["mix-l0.25-s2"] });
  });

  it("draws every figure, on the page and as SVG and PNG with its numbers", async () => {
    const files = await readdir(join(whole.dir, "figures"));
    for (const id of DRAWN) {
      expect(whole.drawn[id], id).toBe(true);
      expect(whole.document.querySelectorAll(`#${id} svg[role=img]`).length, id).toBeGreaterThan(0);
      for (const end of ["svg", "png", "csv"]) expect(files).toContain(`${id}.${end}`);
    }
    for (const id of ["answer", "numbers", "costs", "failed"]) expect(files).toContain(`${id}.csv`);
    expect(whole.result.files.length).toBe(files.length);
    expect(whole.document.querySelector("#answer")!.textContent).toContain(whole.summary.answer[0]!);
    expect([...whole.document.querySelectorAll("section")][0]!.id).toBe("answer");
  });

  it("writes SVG files that stand by themselves", async () => {
    for (const id of DRAWN) {
      const svg = await readFile(join(whole.dir, "figures", `${id}.svg`), "utf8");
      expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"'), id).toBe(true);
      expect(svg, id).not.toMatch(/NaN|undefined|Infinity|var\(|&nbsp;/);
      expectWellFormed(svg, id);
      for (const [, pattern] of svg.matchAll(/url\(#([^)]+)\)/g)) expect(svg).toContain(`id="${pattern}"`);
    }
  });

  it("writes PNG files of twice the size of the SVG", async () => {
    for (const id of DRAWN) {
      const png = await readFile(join(whole.dir, "figures", `${id}.png`));
      const svg = await readFile(join(whole.dir, "figures", `${id}.svg`), "utf8");
      expect(png.subarray(0, 8).toString("latin1"), id).toBe("\x89PNG\r\n\x1a\n");
      const [, width, height] = /width="([\d.]+)" height="([\d.]+)"/.exec(svg)!;
      expect(Math.abs(png.readUInt32BE(16) - 2 * Number(width)), id).toBeLessThanOrEqual(1);
      expect(Math.abs(png.readUInt32BE(20) - 2 * Number(height)), id).toBeLessThanOrEqual(1);
    }
  });

  it("has the rows' numbers behind its figures", async () => {
    const rows = whole.rows.filter((row) => row.status === "finished");
    const of = (method: string, lambda: number): SweepRow[] =>
      rows.filter((row) => row.label === method && row.lambda === lambda);
    const at = (lines: Record<string, string>[], method: string, lambda: number): Record<string, string> =>
      lines.find((line) => line["method"] === method && line["lambda"] === `${lambda}`)!;

    const front = at(await csv(whole.dir, "front"), "Mix", 0.25);
    const sft = interval(of("Mix", 0.25).map((row) => row.heldout.losses["sft"]!));
    expect(Number(front["SFT loss, mean"])).toBe(sft.mean);
    expect(Number(front["SFT loss, low 95 %"])).toBe(sft.low);
    expect(Number(front["SFT loss, high 95 %"])).toBe(sft.high);
    expect(front["SFT loss, seeds"]).toBe("2");

    const outcome = at(await csv(whole.dir, "outcome"), "MAXRIGHT, free gaps", 0.75);
    const free = of("MAXRIGHT, free gaps", 0.75);
    expect(Number(outcome["DPO gap, mean"])).toBe(interval(free.map((row) => row.heldout.gaps["dpo"]!)).mean);
    expect(Number(outcome["ideal distance, scaled, high 95 %"])).toBe(
      interval(free.map((row) => row.heldout.scaledDistance)).high,
    );

    const increase = at(await csv(whole.dir, "increase"), "ALRIGHT", 0.5);
    const base = interval(of("DPO then SFT", 0.5).map((row) => row.seconds)).mean;
    expect(Number(increase["runtime, %, mean"])).toBeCloseTo(
      interval(of("ALRIGHT", 0.5).map((row) => 100 * (row.seconds / base - 1))).mean,
      9,
    );

    const slices = at(await csv(whole.dir, "slices"), "ALRIGHT", 0.99);
    expect(Number(slices["SFT loss, training rows, mean"])).toBe(
      interval(of("ALRIGHT", 0.99).map((row) => row.train!.losses["sft"]!)).mean,
    );

    const k = (await csv(whole.dir, "ablation")).find(
      (line) => line["K"] === "100" && line["lambda"] === "0.5",
    )!;
    expect(Number(k["seconds of training, mean"])).toBe(
      interval(of("MAXRIGHT K=100", 0.5).map((row) => row.seconds)).mean,
    );

    const costs = await csv(whole.dir, "costs");
    expect(Number(costs.find((line) => line["what"] === "Mix")!["seconds"])).toBeCloseTo(
      rows.filter((row) => row.label === "Mix").reduce((sum, row) => sum + row.seconds, 0),
      9,
    );
    expect(Number(costs.at(-1)!["seconds"])).toBe(whole.summary.optimaCost.seconds);
  });

  it("has the runs' evaluations behind its paths", async () => {
    const lines = (await csv(whole.dir, "trajectories")).filter(
      (line) => line["method"] === "ALRIGHT" && line["lambda"] === "0.5" && line["seed"] === "2",
    );
    const metrics = await readFile(join(whole.dir, "runs", "alright-l0.5-s2", "metrics.jsonl"), "utf8");
    const evals = metrics
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; step: number; losses: Record<string, number> })
      .filter(({ type }) => type === "eval");
    expect(lines.map((line) => [line["step"], line["SFT"], line["DPO"]].map(Number))).toEqual(
      evals.map(({ step, losses }) => [step, losses["sft"], losses["dpo"]]),
    );
  });

  it("names methods on their curves and bars, and hatches bars", () => {
    for (const id of ["front", "outcome", "increase", "steps", "slices", "quality"]) {
      const texts = [...whole.document.querySelectorAll(`#${id} svg text`)].map((t) => t.textContent!);
      for (const name of ["DPO then SFT", "Mix", "ALRIGHT", "MAXRIGHT K=10", "MAXRIGHT, free gaps"])
        expect(
          texts.some((text) => text === name || text.startsWith(`${name}, λ`)),
          `${id}: ${name}`,
        ).toBe(true);
    }
    const fills = new Set([...whole.html.matchAll(/url\(#(hatch-[a-z]+)-/g)].map((m) => m[1]));
    expect(fills.size).toBeGreaterThanOrEqual(6);
    for (const fill of whole.html.matchAll(/fill="url\(#([^)]+)\)"/g))
      expect(whole.html).toContain(`<pattern id="${fill[1]}"`);
  });

  it("loads nothing from elsewhere, in light and dark", () => {
    expect(whole.html.replaceAll('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(
      /https?:|@import|url\((?!#)/,
    );
    for (const tag of ["link", "img", "iframe", "script[src]", "object", "embed"])
      expect(whole.document.querySelectorAll(tag).length, tag).toBe(0);
    const [light, dark] = whole.document
      .querySelector("style")!
      .textContent!.split("prefers-color-scheme:dark");
    for (const [, name] of whole.html.matchAll(/var\((--[a-z0-9-]+)\)/g)) {
      if (name === "--share" || name === "--plot-background") continue;
      expect(light, name).toContain(`${name}:`);
      expect(dark, name).toContain(`${name}:`);
    }
    for (const svg of whole.document.querySelectorAll("svg"))
      expect(svg.outerHTML).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("tells failures, costs and how it was made", () => {
    expect(whole.document.querySelector("#failed")!.textContent).toContain("lower optimizer.lr");
    expect(whole.result.warnings[0]).toBe("1 run failed; the list below says why. No mean holds them.");
    expect(
      whole.result.warnings.some((w) => w.includes("chosen answers falls") && w.includes("SFT then DPO")),
    ).toBe(true);
    const made = whole.document.querySelector("#made")!;
    expect(made.textContent).toContain("A <fast> processor");
    expect(made.textContent).toContain("avx512");
    expect(made.textContent).not.toContain("library.so");
    expect(made.textContent).toContain("2026-11-25T20:10:00.000Z");
    expect(made.textContent).toContain("# methods x lambda x seeds");
    expect(whole.document.querySelector("#costs")!.textContent).toContain("optima f*");
    // averages, and the runs of f*, are not counted twice
    const trained = whole.rows.filter((row) => row.status === "finished" && row.method !== "average");
    const cells = [...whole.document.querySelectorAll("#costs tfoot td")].map((cell) => cell.textContent);
    expect(cells[0]).toBe(String(trained.length));
    expect(cells[1]).toBe(duration(trained.reduce((sum, row) => sum + row.seconds, 0)));
  });
});

describe("parts of a sweep", () => {
  it("still going: groups are made from the rows, and agree with those that the sweep writes", async () => {
    const going = await report({ ...few, summary: false });
    const ended = await report(few);
    expect(going.result.warnings.join()).toContain(
      `The sweep has not ended: ${going.rows.length} runs have finished`,
    );
    expect(going.document.querySelector("#answer h2")!.textContent).toContain("So far");
    for (const id of ["front", "outcome", "increase", "slices", "ablation", "steps"]) {
      const [a, b] = [await csv(going.dir, id), await csv(ended.dir, id)];
      expect(a.length, id).toBe(b.length);
      for (const [i, line] of a.entries())
        for (const [name, cell] of Object.entries(line)) {
          // The ranges, and with them what is scaled, are in the rows already; GPU columns appear in neither.
          const [x, y] = [Number(cell), Number(b[i]![name])];
          if (Number.isNaN(y)) expect(cell, `${id} ${name}`).toBe(b[i]![name]);
          else expect(Math.abs(x - y), `${id} ${name}`).toBeLessThan(1e-4 * Math.max(1, Math.abs(y)));
        }
    }
  });

  it("a summary that is older than the results is not believed", async () => {
    const { result, rows } = await report({ ...few, seeds: [1] }, async (dir) => {
      const path = join(dir, "results.jsonl");
      const [first] = (await readFile(path, "utf8")).split("\n");
      await appendFile(
        path,
        `${JSON.stringify({ ...(JSON.parse(first!) as object), id: "later", seed: 9 })}\n`,
      );
    });
    expect(result.warnings.join()).toContain(
      `The sweep has not ended: ${rows.length + 1} runs have finished`,
    );
  });

  it("one run only", async () => {
    const { drawn, result } = await report({ ...few, summary: false, rows: 1 });
    expect(drawn).toMatchObject({ front: true, trajectories: true, outcome: true, ablation: false });
    expect(result.warnings).toContain(
      "One seed: there are no intervals, so small differences may be chance.",
    );
  });

  it("one seed, one λ, no training rows, no KL", async () => {
    const { drawn, document, result } = await report({
      seeds: [3],
      lambdas: [0.5],
      train: false,
      kl: false,
      steps: 24,
    });
    expect(drawn).toMatchObject({ front: true, outcome: true, slices: false, kl: false, ablation: true });
    expect(document.querySelector("#front figcaption")!.textContent).toContain("One seed");
    expect(document.querySelector("#slices .missing")!.textContent).toContain(
      "did not measure losses on training rows",
    );
    expect(document.querySelector("#numbers tbody")!.textContent).not.toContain("±");
    expect(result.warnings.join()).toContain("One seed");
  });

  it("no baseline, no K to compare", async () => {
    const { drawn, document } = await report({ ...few, curves: ["mix", "maxright-k10", "single-sft"] });
    expect(drawn).toMatchObject({ front: true, increase: false, ablation: false, quality: true });
    expect(document.querySelector("#increase .missing")!.textContent).toContain("DPO then SFT");
  });

  it("every run failed", async () => {
    const ids = [0.25, 0.5].flatMap((l) => [1, 2].map((s) => `mix-l${l}-s${s}`));
    const { drawn, document, result } = await report({ ...few, curves: ["mix"], failed: ids });
    expect(
      Object.entries(drawn)
        .filter(([, isDrawn]) => isDrawn)
        .map(([id]) => id),
    ).toEqual(["answer", "front-whole", "costs", "failed", "made"]);
    expect(document.querySelectorAll("#failed tbody tr").length).toBe(4);
    expect(result.warnings[0]).toContain("4 runs failed");
  });

  it("without the runs' own files", async () => {
    const { drawn, result } = await report(few, (dir) => rm(join(dir, "runs"), { recursive: true }));
    expect(drawn).toMatchObject({
      front: true,
      trajectories: false,
      logprobs: false,
      kl: false,
      outcome: true,
    });
    expect(result.warnings.join()).toContain("run(s) have no metrics below runs/");
  });

  it("losses that are no numbers, a torn line, a run that still goes", async () => {
    const { result, html, rows } = await report({ ...few, summary: false }, async (dir) => {
      const path = join(dir, "results.jsonl");
      const text = (await readFile(path, "utf8")).replace(/"losses":\{"sft":[\d.]+/, '"losses":{"sft":null');
      await writeFile(path, `${text}{"id":"torn`);
      await mkdir(join(dir, "runs", "going-on"));
    });
    expect(result.warnings).toContain(
      `results.jsonl has 1 unreadable line(s), left out: line ${rows.length + 1}.`,
    );
    expect(result.warnings.join()).toContain("1 begun");
    expect(parseHTML(html).document.querySelector("main")!.innerHTML).not.toMatch(/="[^"]*NaN|>NaN/);
  });
});

describe("labels that people wrote", () => {
  it("are text, in page and pictures, and never markup", async () => {
    const hostile = `<b onload="x()">'&"\u00a0\u0007</b>`;
    const { html, document, dir, result } = await report({ ...few, labels: { mix: hostile } });
    expect(result.warnings.filter((w) => w.startsWith("PNG"))).toEqual([]);
    expect(html).not.toContain("<b onload");
    expect([...document.querySelectorAll("#front svg text")].map((t) => t.textContent)).toContain(
      hostile.replace("\u0007", ""),
    );
    for (const id of DRAWN) expectWellFormed(await readFile(join(dir, "figures", `${id}.svg`), "utf8"), id);
  });
});

describe("errors are one line, and nothing is written", () => {
  async function failure(
    changed: Partial<SweepSpec>,
    edit: (fixture: Fixture) => Promise<void>,
  ): Promise<string> {
    const fixture = await writeSweep(join(await scratch(), "first"), { ...few, ...changed, rows: 4 });
    await edit(fixture);
    const error = await renderSweepReport({ dir: fixture.dir }).then(
      () => undefined,
      (e: Error) => e,
    );
    await expect(access(join(fixture.dir, "report.html"))).rejects.toThrow();
    expect(error?.message).not.toContain("\n");
    return error?.message ?? "";
  }

  it("no result yet", async () => {
    const message = await failure({ summary: false }, ({ dir }) => writeFile(join(dir, "results.jsonl"), ""));
    expect(message).toMatch(/results\.jsonl: no run of this sweep has ended yet/);
  });

  it.each([
    ["summary.json", "{", /summary\.json: not a JSON object/],
    ["summary.json", '{"version":2}', /summary\.json: format version 2 is newer/],
    [
      "summary.json",
      '{"version":1,"objectives":{},"optima":{},"base":{}}',
      /summary\.json: curves is missing/,
    ],
    ["results.jsonl", '{"version":3,"id":"a"}\n', /results\.jsonl, line 1: format version 3 is newer/],
  ])("%s holding %s", async (name, text, message) => {
    expect(await failure({}, ({ dir }) => writeFile(join(dir, name), text))).toMatch(message);
  });
});

it("knows a sweep's directory from a run's and from others", async () => {
  const { dir } = await writeSweep(join(await scratch(), "first"), { ...few, rows: 1 });
  expect(await isSweep(dir)).toBe(true);
  expect(await isSweep(join(dir, "runs", "sequential-dpo-sft-l0.25-s1"))).toBe(false);
  expect(await isSweep(join(dir, "absent"))).toBe(false);
});
