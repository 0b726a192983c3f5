/** `outright optima`, `outright sweep` and `outright eval losses` as people call them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSweep, METHODS } from "@outright/sweep";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeSweep } from "../../../test/support/sweep.js";
import { SWEEP_TEMPLATE } from "../dist/commands/sweep-template.js";
import { start } from "./command.js";

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "outright-cli-sweep-"));
  writeSweep(cwd, {}, { steps: 4, evaluate: { every: 2, holdout: 0.3 } });
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const outright = (...args: string[]) => start(args, { cwd }).outcome;

describe("sweep --init", () => {
  it("writes a config that tells of every key and method, holds the defaults, and overwrites nothing", async () => {
    const first = await outright("sweep", "--init", "new.yaml");
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^wrote new\.yaml; check it with: /),
    });
    const again = await outright("sweep", "--init", "new.yaml");
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/new\.yaml is there already; give/),
    });
    for (const name of METHODS) expect(SWEEP_TEMPLATE).toMatch(new RegExp(`\\b${name}\\b`));
    const written = loadSweep(join(cwd, "new.yaml"), {
      overrides: { out: join(cwd, "x"), budget: "{ steps: 4 }" },
    });
    writeFileSync(join(cwd, "short.yaml"), "run: run.yaml\nout: x\n");
    const short = loadSweep(join(cwd, "short.yaml"));
    expect(written).toEqual(short);
  });
});

describe("sweep", () => {
  it("lists its runs without writing, trains them, and says where everything is", async () => {
    writeFileSync(
      join(cwd, "sweep.yaml"),
      "run: run.yaml\nout: sw\nmethods: [mix]\nlambdas: [0.5]\nseeds: [1]\n",
    );
    const dry = await outright("sweep", "sweep.yaml", "--dry-run");
    expect(dry.stdout).toMatch(
      /^single-sft-s1 .*\n.*\nmix-l0\.5-s1 +Mix, λ = 0\.5, seed 1\n3 runs of 4 steps each/,
    );
    const real = await outright("sweep", "sweep.yaml");
    expect(real.code).toBe(0);
    expect(real.stdout).toContain("f*  sft ");
    expect(real.stdout).toMatch(/\nmethod +λ +sft loss +dpo loss/);
    expect(real.stdout).toContain("Nearest to the ideal point on held-out rows: Mix at λ = 0.5");
    expect(real.stdout).toMatch(/report +\S+sw\/report\.html/);
    expect(readFileSync(join(cwd, "sw/report.html"), "utf8")).toContain("Mix");
    const json = await outright("sweep", "sweep.yaml", "--json");
    const lines = json.stdout.trimEnd().split("\n");
    expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ type: "summary", summary: { version: 1 } });
  });

  it.each([
    ["no config", ["sweep"], /^outright: sweep needs a config file .*--init/],
    ["no such file", ["sweep", "nowhere.yaml"], /^outright: nowhere\.yaml: no such sweep config\n$/],
    [
      "a wrong value",
      ["sweep", "sweep.yaml", "--jobs", "0"],
      /^outright: --jobs: must be a whole number, 1 or more; got 0\n$/,
    ],
    [
      "an unknown baseline",
      ["sweep", "sweep.yaml", "--baseline", "best"],
      /^outright: baseline: no curve is called best; there are /,
    ],
  ])("%s is one line", async (_, args, message) => {
    const { code, stderr } = await outright(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });
});

describe("optima and eval losses", () => {
  it("measure f*, which a config then reads by its path", async () => {
    const optima = await outright("optima", "run.yaml");
    expect(optima.code).toBe(0);
    expect(optima.stdout).toContain("in run.yaml, say: optima: runs/optima/optima.json");
    const losses = await outright(
      "eval",
      "losses",
      "run.yaml",
      "--optima",
      "runs/optima/optima.json",
      "--json",
    );
    const line = JSON.parse(losses.stdout) as { losses: Record<string, number>; idealDistance: number };
    expect(Object.keys(line.losses)).toEqual(["sft", "dpo"]);
    expect(line.idealDistance).toBeGreaterThan(0);
    const trained = join("runs/optima/runs/single-sft-s42/model");
    const told = await outright("eval", "losses", "run.yaml", "--of", trained);
    expect(told.stdout).toMatch(/held out +sft \d/);
    const gone = await outright("eval", "losses", "run.yaml", "--of", "nowhere");
    expect(gone).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/nowhere: there is no such directory/),
    });
  });
});
