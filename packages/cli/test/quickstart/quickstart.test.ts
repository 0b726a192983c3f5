/** The whole way in a process of its own, with the budget of `--fast`. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { MetricsLine } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Results } from "../../src/quickstart/table.js";
import { type Outcome, run, start } from "../command.js";

const RUNS = ["sft-only", "dpo-only", "sft-then-dpo", "dpo-then-sft", "mix", "alright", "maxright"];
const FAST = ["quickstart", "--fast"];
const MINUTE = 60_000;

let folder: string;
let whole: Outcome;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "outright-quickstart-"));
  whole = await run([...FAST, "--out", "whole"], { cwd: folder });
}, 3 * MINUTE);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = (...names: string[]): string => join(folder, ...names);
const lines = <Line>(...names: string[]): Line[] =>
  readFileSync(path(...names), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
const resultsOf = (out: string): Results =>
  JSON.parse(readFileSync(path(out, "results.json"), "utf8")) as Results;
const modelBytes = (out: string): Buffer[] =>
  ["base", ...RUNS].map((name) => readFileSync(path(out, name, "model", "model.safetensors")));

describe("outright quickstart", () => {
  it("ends well, with a table of every model and the words that lead on", () => {
    expect({ code: whole.code, stderr: whole.stderr }).toEqual({ code: 0, stderr: "" });
    const text = whole.stdout;
    expect(text).toMatch(/^run +loss +loss +gap +gap +distance +answers +refusals\n/m);
    expect(text).toMatch(/^run +steps +steps +steps +\(s\)\n/m);
    for (const name of ["base", ...RUNS]) {
      expect(text).toMatch(
        new RegExp(`^${name} +[\\d.]+ +[\\d.]+ +−?[\\d.]+ +−?[\\d.]+ +[\\d.]+ +\\d+ % +\\d+ %`, "m"),
      );
      expect(text).toMatch(new RegExp(`^${name}( +\\d+){3} +[\\d.–]+\n`, "m"));
      expect(text).toMatch(new RegExp(`^ *\\d+/10 +${name} `, "m"));
    }
    expect(text).toContain("sft-then-dpo: held-out SFT loss");
    expect(text).toContain("dpo-then-sft: held-out DPO loss");
    expect(text).toContain(pathToFileURL(path("whole", "report.html")).href);
    expect(text).not.toContain("\x1b");
    for (const line of text.slice(text.indexOf("Both objectives")).split("\n")) {
      if (!/[/$]|outright/.test(line)) expect(line.length).toBeLessThanOrEqual(80); // the width where there is no terminal
    }
  });

  it("its numbers are those of the runs and of the answers that were kept", () => {
    const { rows, columns } = resultsOf("whole");
    expect(columns.map(({ label }) => label)).toEqual([
      ...["SFT loss", "DPO loss", "SFT gap", "DPO gap", "ideal distance", "right answers", "right refusals"],
      ...["steps", "SFT steps", "DPO steps", "time"],
    ]);
    expect(rows.map(({ name }) => name)).toEqual(["base", ...RUNS]);
    const evals = (name: string) =>
      lines<MetricsLine>("whole", name, "metrics.jsonl").filter((line) => line.type === "eval");
    const lowest = (name: string, objective: string) =>
      Math.min(...evals(name).map(({ losses }) => losses[objective] as number));
    const optima = { sft: lowest("sft-only", "sft"), dpo: lowest("dpo-only", "dpo") };
    for (const row of rows) {
      const last = row.name === "base" ? evals("mix")[0] : evals(row.name).at(-1);
      const { sft, dpo } = last?.losses as { sft: number; dpo: number };
      expect(row).toMatchObject({ sft, dpo, sftGap: sft - optima.sft, dpoGap: dpo - optima.dpo });
      const said = lines<{ kind: string; grade: string }>("whole", "answers", `${row.name}.jsonl`);
      for (const [key, group] of [
        ["rightAnswers", said.filter(({ kind }) => kind !== "forbidden")],
        ["rightRefusals", said.filter(({ kind }) => kind === "forbidden")],
      ] as const) {
        expect(group).toHaveLength(10);
        expect(row[key]).toBe(group.filter(({ grade }) => grade === "right").length / 10);
      }
      if (row.name === "base") continue;
      const end = lines<MetricsLine>("whole", row.name, "metrics.jsonl").at(-1);
      expect(end).toMatchObject({ type: "end", step: row["steps"], seconds: row["seconds"] });
      expect(end).toMatchObject({ stepsPerObjective: row["sftSteps"] ? { sft: row["sftSteps"] } : {} });
      expect(end).toMatchObject({ stepsPerObjective: row["dpoSteps"] ? { dpo: row["dpoSteps"] } : {} });
    }
  });

  it("its report loads nothing from elsewhere and shows every run", () => {
    const html = readFileSync(path("whole", "report.html"), "utf8");
    expect(html.replaceAll("http://www.w3.org/", "")).not.toMatch(
      /(src|href)="(?!data:)|https?:\/\/|@import|url\(/,
    );
    for (const name of RUNS) expect(html).toContain(name);
    expect(html).toContain("Paths in the loss plane");
    expect(Buffer.byteLength(html)).toBeLessThan(1_000_000);
  });

  it("a second time it says that it is complete, and changes nothing", async () => {
    const before = readFileSync(path("whole", "report.html"));
    const again = await run([...FAST, "--out", "whole", "--json"], { cwd: folder });
    expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: "" });
    const events = again.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string });
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["stage", "results"]));
    expect(events.at(-1)).toEqual({
      type: "results",
      results: resultsOf("whole"),
      report: path("whole", "report.html"),
    });
    expect(readFileSync(path("whole", "report.html")).equals(before)).toBe(true);
    const told = await run([...FAST, "--out", "whole"], { cwd: folder });
    expect(told.stdout).toContain("complete already; add --fresh to start over");
    expect(told.stdout.slice(told.stdout.indexOf("Both objectives"))).toBe(
      whole.stdout.slice(whole.stdout.indexOf("Both objectives")),
    );
  });

  it(
    "killed, and stopped by Ctrl-C, it goes on to the same bits and the same table",
    async () => {
      const args = [...FAST, "--out", "parts", "--json"];
      const killed = start(args, { cwd: folder });
      await killed.saw('{"run":"sft-then-dpo","type":"step","step":7,');
      killed.child.kill("SIGKILL");
      expect((await killed.outcome).signal).toBe("SIGKILL");
      expect(existsSync(path("parts", "results.json"))).toBe(false);

      const stopped = start(args, { cwd: folder });
      await stopped.saw('{"run":"mix","type":"step","step":2,');
      stopped.child.kill("SIGINT");
      const { code, stdout, stderr } = await stopped.outcome;
      expect({ code, stderr }).toEqual({
        code: 130,
        stderr: "SIGINT: saving, press again to quit at once\n",
      });
      expect(stdout).not.toContain('{"run":"base","type":"step"'); // was finished
      expect(existsSync(path("parts", "maxright"))).toBe(false);

      const rest = await run([...FAST, "--out", "parts"], { cwd: folder });
      expect({ code: rest.code, stderr: rest.stderr }).toEqual({ code: 0, stderr: "" });
      expect(rest.stdout).toMatch(/sft-then-dpo .* kept\n/);
      const [mine, others] = [modelBytes("parts"), modelBytes("whole")];
      expect(mine.map((bytes, i) => bytes.equals(others[i] as Buffer))).toEqual(mine.map(() => true));
      const timeless = (results: Results) => ({
        ...results,
        rows: results.rows.map(({ seconds: _, ...row }) => row),
      });
      expect(timeless(resultsOf("parts"))).toEqual(timeless(resultsOf("whole")));
    },
    3 * MINUTE,
  );

  it("refuses a directory that holds something else, or other settings, in one line", async () => {
    const files = readdirSync(path("whole")).sort();
    const other = await run([...FAST, "--out", "whole", "--seed", "2"], { cwd: folder });
    expect({ code: other.code, stderr: other.stderr }).toEqual({
      code: 1,
      stderr: `outright: ${path("whole")}: holds a quickstart with other settings (seed); add --fresh to start over there, or choose another directory with --out\n`,
    });
    expect(readdirSync(path("whole")).sort()).toEqual(files);
    rmSync(path("mine"), { recursive: true, force: true });
    writeFileSync(path("mine"), "a file");
    const file = await run([...FAST, "--out", "mine", "--fresh"], { cwd: folder });
    expect(file.stderr).toBe(`outright: ${path("mine")}: is a file; choose a directory with --out\n`);
    const foreign = await run([...FAST, "--out", ".", "--fresh"], { cwd: folder });
    expect(foreign.code).toBe(1);
    expect(foreign.stderr).toMatch(
      /^outright: .*: is not empty \(".*"\) and holds no quickstart; choose another directory with --out\n$/,
    );
    expect(readFileSync(path("mine"), "utf8")).toBe("a file");
  });
});
