import { appendFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { renderReport } from "@outright/report";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { lines, METHODS, type Synthetic, scratch, writeRun } from "./synthetic.js";

const FIGURES = ["plane", "summary", "gaps", "losses", "kl", "logprobs", "schedule", "settings"];

async function report(root: string, runs: string[], more: { summary?: string; title?: string } = {}) {
  const out = join(root, "report.html");
  const result = await renderReport({ runs, out, ...more });
  const html = await readFile(out, "utf8");
  return { result, html, document: parseHTML(html).document };
}

async function six() {
  const root = await scratch();
  const dirs: string[] = [];
  for (const method of METHODS) dirs.push(await writeRun(root, method));
  return { root, dirs };
}

const one = async (spec: Partial<Synthetic> = {}) => {
  const root = await scratch();
  return { root, dir: await writeRun(root, { ...METHODS[3]!, ...spec }) };
};

describe("preference losses other than DPO's own", () => {
  it("are called by their names, and share no optimum with other losses", async () => {
    const root = await scratch();
    const dirs = [
      await writeRun(root, { ...METHODS[3]!, name: "dpo-run", loss: "sigmoid" }),
      await writeRun(root, { ...METHODS[3]!, name: "ipo-run", loss: "ipo", optima: { sft: 0.35 } }),
    ];
    const mixed = (await report(root, dirs)).document;
    expect(mixed.querySelector("#summary thead")!.textContent).toContain("DPO/IPO loss");
    expect(mixed.querySelector("#losses")!.textContent).toContain("DPO/IPO loss (per pair)");
    const gapAt = [...mixed.querySelectorAll("#summary thead th")].findIndex((th) =>
      th.textContent!.includes("DPO/IPO gap"),
    );
    const gaps = Object.fromEntries(
      [...mixed.querySelectorAll("#summary tbody tr")].map((row) => [
        row.children[0]!.firstChild!.textContent,
        row.children[gapAt]!.getAttribute("data-sort"),
      ]),
    );
    expect(gaps["dpo-run"]).not.toBe("");
    expect(gaps["ipo-run"]).toBe("");
    const alone = (await report(root, [dirs[1]!])).document;
    expect(alone.querySelector("#losses")!.textContent).toContain("IPO loss (per pair)");
    const simpo = await writeRun(root, { ...METHODS[3]!, name: "simpo-run", loss: "simpo" });
    expect((await report(root, [simpo])).document.querySelector("#losses")!.textContent).toContain(
      "SimPO loss (nats per pair)",
    );
  });
});

describe("six runs of 300 steps", async () => {
  const { root, dirs } = await six();
  const { result, html, document } = await report(root, dirs, { title: "Six <runs>" });

  it("draws every figure and says so", () => {
    expect(result.figures.map((f) => f.id)).toEqual(FIGURES);
    expect(result.figures.every((f) => f.drawn)).toBe(true);
    expect([...document.querySelectorAll("section")].map((s) => s.id)).toEqual(FIGURES);
    for (const id of ["plane", "gaps", "losses", "kl", "logprobs", "schedule"]) {
      expect(document.querySelectorAll(`#${id} svg[role=img]`).length).toBeGreaterThan(0);
    }
  });

  it("is one file under 1 MB that loads nothing from elsewhere", () => {
    expect(Buffer.byteLength(html)).toBe(result.bytes);
    expect(result.bytes).toBeLessThan(1_000_000);
    expect(html.replaceAll('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(
      /https?:|\/\/[a-z]+\.[a-z]/i,
    );
    for (const tag of ["link", "img", "iframe", "script[src]", "object", "embed"]) {
      expect(document.querySelectorAll(tag).length, tag).toBe(0);
    }
    for (const link of document.querySelectorAll("[href]"))
      expect(link.getAttribute("href")).toMatch(/^data:text\/csv/);
    expect(html).not.toMatch(/@import|url\((?!#)/);
  });

  it("escapes what people wrote", () => {
    expect(document.querySelector("h1")!.textContent).toBe("Six <runs>");
    expect(html.includes("Six <runs>")).toBe(false);
    expect(html.includes("x86_64 &lt;2 cores&gt;")).toBe(true);
  });

  it("names every run on its path and keeps looks apart without colour", () => {
    const texts = [...document.querySelectorAll("#plane svg text")].map((t) => t.textContent);
    for (const { name } of METHODS) expect(texts).toContain(name);
    expect(texts).toContain("ideal point");
    const dashes = [...document.querySelectorAll('#plane svg [aria-label="line"]')].map((g) =>
      g.getAttribute("stroke-dasharray"),
    );
    expect(new Set(dashes).size).toBe(METHODS.length);
  });

  it("has no coordinate that is not a number", () => {
    for (const svg of document.querySelectorAll("svg"))
      expect(svg.outerHTML).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("uses only colours that both themes define", () => {
    const css = document.querySelector("style")!.textContent!;
    const [light, dark] = css.split("prefers-color-scheme:dark");
    const used = new Set([...html.matchAll(/var\((--[a-z0-9-]+)\)/g)].map((m) => m[1]!));
    for (const name of [...used].filter((n) => !["--share", "--plot-background"].includes(n))) {
      expect(light, name).toContain(`${name}:`);
      expect(dark, name).toContain(`${name}:`);
    }
  });

  it("embeds the numbers behind the plane to the last digit", async () => {
    const href = document.querySelector("#plane a.csv")!.getAttribute("href")!;
    const csv = decodeURIComponent(href.slice(href.indexOf(",") + 1))
      .trim()
      .split("\n");
    expect(csv[0]).toBe("run,step,sft,dpo");
    const evals = lines(METHODS[0]!).filter((l) => (l as { type: string }).type === "eval") as {
      step: number;
      losses: Record<string, number>;
    }[];
    const last = evals.at(-1)!;
    expect(csv).toContain(`sft-then-dpo,${last.step},${last.losses["sft"]},${last.losses["dpo"]}`);
    expect(csv.length - 1).toBe(METHODS.length * evals.length);
    for (const id of FIGURES.slice(0, -1)) expect(document.querySelector(`#${id} a.csv`), id).not.toBeNull();
  });

  it("draws the KL from the base of each objective beside its loss, and of plain text, and says what it cost", () => {
    const figure = document.querySelector("#kl")!;
    const labels = [...figure.querySelectorAll("svg")].map((svg) => svg.getAttribute("aria-label"));
    expect(labels).toEqual([
      "KL from the base over steps, on SFT",
      "SFT losses over the same steps, held out",
      "KL from the base over steps, on DPO",
      "DPO losses over the same steps, held out",
      "KL from the base over steps, on plain text",
    ]);
    const href = figure.querySelector("a.csv")!.getAttribute("href")!;
    const csv = decodeURIComponent(href.slice(href.indexOf(",") + 1))
      .trim()
      .split("\n");
    const last = lines(METHODS[4]!).findLast((l) => (l as { type: string }).type === "eval") as {
      step: number;
      kl: Record<string, number>;
      losses: Record<string, number>;
    };
    expect(csv[0]).toBe("on,run,step,kl,held-out loss");
    expect(csv).toContain(`dpo,maxright,${last.step},${last.kl["dpo"]},${last.losses["dpo"]}`);
    expect(csv).toContain(`text,maxright,${last.step},${last.kl["text"]},`);
    // 16 evaluations of 0.02 s in 21 s
    expect(figure.textContent).toContain("Measuring it took at most 1.5 % of a run's time.");
  });

  it("warns where the chosen log-prob falls while the margin grows, and only there", () => {
    const falls = result.warnings.filter((w) => w.includes("chosen falls"));
    expect(falls.length).toBe(1);
    expect(falls[0]).toMatch(/^sft-then-dpo, chosen falls\. Steps \d+–300: /);
    expect(document.querySelectorAll("#logprobs .warning").length).toBe(1);
    expect(document.querySelector("header .warning")!.textContent).toContain("sft-then-dpo");
  });

  it("puts the measured numbers into the table", () => {
    const rows = [...document.querySelectorAll("#summary tbody tr")];
    expect(rows.length).toBe(METHODS.length);
    const heads = [...document.querySelectorAll("#summary thead th")].map((t) =>
      t.textContent!.replace(/[\s ]*[↑↓]$/, ""),
    );
    const cell = (row: number, head: string) =>
      rows[row]!.querySelectorAll("td")[heads.indexOf(head) - 1]!.textContent;
    const end = lines(METHODS[4]!).findLast((l) => (l as { type: string }).type === "eval") as {
      losses: { sft: number };
      idealDistance: number;
    };
    expect(cell(4, "SFT loss")).toContain(end.losses.sft.toFixed(3));
    expect(cell(4, "ideal distance")).toContain(end.idealDistance.toFixed(3));
    expect(cell(0, "SFT steps")).toBe("150");
    expect(cell(2, "DPO steps")).toBe("300");
    // sft-then-dpo unlearns what it had; the mixed run does not.
    expect(Number.parseFloat(cell(0, "SFT forgotten")!)).toBeGreaterThan(0.3);
    expect(Number.parseFloat(cell(2, "SFT forgotten")!)).toBeLessThan(0.05);
  });

  it("leaves nothing but the report beside the runs", async () => {
    expect((await readdir(root)).sort()).toEqual([...METHODS.map((m) => m.name), "report.html"].sort());
  });
});

describe("runs that are not tidy", () => {
  it("a run still going, cut in the middle of a line", async () => {
    const { root, dir } = await one({ end: false, steps: 45 });
    await appendFile(join(dir, "metrics.jsonl"), '{"type":"step","step":46,"obj');
    const { result, document } = await report(root, [dir]);
    expect(result.figures.every((f) => f.drawn)).toBe(true);
    expect(result.warnings).toContain("alright is unfinished: step 45 of 45.");
    expect(result.warnings.join()).toContain("last line of metrics.jsonl is incomplete");
    expect(document.querySelector("h1")!.textContent).toBe("Run alright");
  });

  it("a broken line in the middle is left out and told", async () => {
    const { root, dir } = await one();
    const path = join(dir, "metrics.jsonl");
    const text = (await readFile(path, "utf8")).split("\n");
    text.splice(5, 0, "}{");
    await writeFile(path, text.join("\n"));
    const { result } = await report(root, [dir]);
    expect(result.warnings).toContain("alright: metrics.jsonl has 1 unreadable line(s), left out: line 6.");
  });

  it("no evaluation: training losses are drawn, the plane says why it is not", async () => {
    const { root, dir } = await one();
    const path = join(dir, "metrics.jsonl");
    const kept = (await readFile(path, "utf8")).split("\n").filter((line) => !line.includes('"eval"'));
    await writeFile(path, kept.join("\n"));
    const { result, document } = await report(root, [dir]);
    const drawn = Object.fromEntries(result.figures.map((f) => [f.id, f.drawn]));
    expect(drawn).toMatchObject({ plane: false, gaps: false, losses: true, logprobs: true, schedule: true });
    expect(document.querySelector("#plane .missing")!.textContent).toContain("evaluate.every");
    expect(document.querySelector("#logprobs svg")!.outerHTML).toContain("training batches");
  });

  it("no KL: the figure says why", async () => {
    const { root, dir } = await one();
    const path = join(dir, "metrics.jsonl");
    await writeFile(path, (await readFile(path, "utf8")).replaceAll('"kl":', '"other":'));
    const { result, document } = await report(root, [dir]);
    expect(result.figures.find(({ id }) => id === "kl")?.drawn).toBe(false);
    expect(document.querySelector("#kl .missing")!.textContent).toContain("evaluate.kl is 0");
  });

  it("one objective only", async () => {
    const { root, dir } = await one({ objectives: ["sft"], choose: () => ({ sft: 1 }), optima: {} });
    const { result } = await report(root, [dir]);
    const drawn = Object.fromEntries(result.figures.map((f) => [f.id, f.drawn]));
    expect(drawn).toMatchObject({ plane: false, gaps: false, losses: true, schedule: true });
  });

  it("null losses break the curve and are told", async () => {
    const { root, dir } = await one();
    const path = join(dir, "metrics.jsonl");
    const broken = (await readFile(path, "utf8")).split("\n").map((line) => {
      if (line === "") return line;
      const event = JSON.parse(line) as {
        type: string;
        step: number;
        losses?: Record<string, number | null>;
      };
      if (event.losses === undefined || event.step < 200) return line;
      for (const key of Object.keys(event.losses)) event.losses[key] = null;
      return JSON.stringify(event);
    });
    await writeFile(path, broken.join("\n"));
    const { result, html } = await report(root, [dir]);
    expect(result.warnings).toContain("alright: the training loss of step 200 is not a number.");
    expect(result.warnings).toContain("alright: the held-out loss after step 200 is not a number.");
    expect(parseHTML(html).document.querySelector("main")!.innerHTML).not.toMatch(/="[^"]*NaN/);
  });

  it("a resumed run tells some steps twice: the later telling counts", async () => {
    const { root, dir } = await one({ steps: 40, every: 10 });
    const path = join(dir, "metrics.jsonl");
    const all = (await readFile(path, "utf8")).trim().split("\n");
    const first = all.slice(0, 33).map((line) => line.replace(/"sft":0\.[0-9]+/, '"sft":9.5'));
    const stop =
      '{"type":"end","step":20,"reason":"stopped","seconds":1,"stepsPerObjective":{"sft":9,"dpo":11}}';
    await writeFile(path, `${[...first, stop, ...all].join("\n")}\n`);
    const { result, html } = await report(root, [dir]);
    expect(result.warnings.filter((w) => w.includes("unfinished") || w.includes("stopped"))).toEqual([]);
    expect(html.includes("9.5,") || html.includes(",9.5")).toBe(false);
  });

  it("an empty metrics file of a run that has just begun", async () => {
    const root = await scratch();
    const dir = join(root, "fresh");
    await mkdir(dir);
    await writeFile(join(dir, "metrics.jsonl"), "");
    const { result } = await report(root, [dir]);
    expect(result.warnings).toEqual(["fresh is no step yet."]);
    expect(result.figures.filter((f) => f.drawn).map((f) => f.id)).toEqual(["summary", "settings"]);
  });

  it("twenty runs and a long one stay readable files", async () => {
    const root = await scratch();
    const dirs: string[] = [];
    for (let i = 0; i < 20; i++) {
      dirs.push(
        await writeRun(root, {
          ...METHODS[i % 6]!,
          name: `run-${i}`,
          steps: i === 0 ? 6000 : 200,
          every: i === 0 ? 100 : 20,
        }),
      );
    }
    const { result } = await report(root, dirs);
    expect(result.figures.every((f) => f.drawn)).toBe(true);
    expect(result.bytes).toBeLessThan(1_500_000);
  });

  it("two runs whose directories have the same name get longer names", async () => {
    const [a, b] = [await one(), await one()];
    const { document } = await report(a.root, [a.dir, b.dir]);
    const names = [...document.querySelectorAll(".key b")].map((e) => e.textContent!);
    expect(new Set(names).size).toBe(2);
    expect(names.every((name) => name.endsWith("/alright"))).toBe(true);
  });
});

describe("optima", () => {
  it("known to one run serve the others", async () => {
    const root = await scratch();
    const told = await writeRun(root, METHODS[4]!);
    const untold = await writeRun(root, { ...METHODS[2]!, optima: {} });
    const { document } = await report(root, [untold, told]);
    const csv = decodeURIComponent(document.querySelector("#gaps a.csv")!.getAttribute("href")!)
      .trim()
      .split("\n");
    const last = lines(METHODS[2]!).findLast((l) => (l as { type: string }).type === "eval") as {
      losses: { sft: number; dpo: number };
    };
    const [name, , sft, dpo, distance] = csv[1]!.split(",");
    expect(name).toBe("mix");
    expect(Number(sft)).toBeCloseTo(last.losses.sft - 0.35, 12);
    expect(Number(dpo)).toBeCloseTo(last.losses.dpo - 0.05, 12);
    expect(Number(distance)).toBeCloseTo(Math.hypot(Number(sft), Number(dpo)), 12);
  });
});

describe("results.json", () => {
  const results = {
    title: "Five methods",
    columns: [
      { key: "answers", label: "right answers", unit: "%", better: "high" },
      { key: "seconds", label: "time", unit: "s", digits: 1 },
    ],
    rows: [
      { name: "alright", answers: 0.934, seconds: 21.25 },
      { name: "base", answers: 0.25, seconds: null },
    ],
    notes: ["measured by generating"],
  };

  it("replaces the table, columns and all", async () => {
    const { root, dir } = await one();
    const summary = join(root, "results.json");
    await writeFile(summary, JSON.stringify(results));
    const { document } = await report(root, [dir], { summary });
    const cells = [...document.querySelectorAll("#summary tbody tr")].map((row) =>
      [...row.querySelectorAll("td")].map((td) => td.textContent),
    );
    expect(cells).toEqual([
      ["93 % ◂", "21.3"],
      ["25 %", "–"],
    ]);
    expect(document.querySelector("#summary .notes")!.textContent).toBe("measured by generating");
    expect(document.querySelector("h1")!.textContent).toBe("Five methods");
  });

  it.each([
    ["{", "not JSON"],
    ['{"columns":[]}', "rows must be an array"],
    [
      '{"columns":[{"key":"a","label":"b","better":"up"}],"rows":[]}',
      'columns[0].better must be "high" or "low"',
    ],
    ['{"columns":[],"rows":[{"title":"x"}]}', "rows[0].name must be a string"],
  ])("%s is refused", async (text, message) => {
    const { root, dir } = await one();
    const summary = join(root, "results.json");
    await writeFile(summary, text);
    await expect(renderReport({ runs: [dir], out: join(root, "r.html"), summary })).rejects.toThrow(message);
  });
});

describe("errors are one line, and nothing is written", () => {
  it("a directory that is no run's, a file, nothing at all, no runs", async () => {
    const { root, dir } = await one();
    const out = join(root, "out", "report.html");
    const cases: [string[], RegExp][] = [
      [[root], /: not a run's directory, it has no metrics\.jsonl; /],
      [[join(dir, "config.yaml")], /: is a file, not a run's directory; /],
      [[join(root, "absent")], /absent: no such run directory; /],
      [[], /^report: no run directory given/],
    ];
    for (const [runs, message] of cases) {
      const error = await renderReport({ runs, out }).then(
        () => undefined,
        (e: Error) => e,
      );
      expect(error?.message).toMatch(message);
      expect(error?.message).not.toContain("\n");
    }
    expect(await readdir(root)).toEqual(["alright"]);
  });

  it("an output path that cannot be written", async () => {
    const { dir } = await one();
    await expect(renderReport({ runs: [dir], out: join(dir, "config.yaml", "r.html") })).rejects.toThrow(
      /the report cannot be written/,
    );
  });
});
