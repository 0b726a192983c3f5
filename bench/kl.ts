/**
 * What measuring KL(base || trained) costs a whole run: every evaluation tells how long its KL took, the base's log-probs included, and
 * that is set against the rest of the run. Both are of one process, so that what else the machine does hits both.
 *
 *   pnpm bench:kl [--shape 14m] [--steps 400] [--runs 3] [--out bench/results/kl.json]
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type EndEvent, type EvalEvent, parseConfig, train } from "@outright/trainer";
import { runObjectives, writeBlankModel, writeRunRows } from "./lib/run-inputs.js";
import type { ShapeName } from "./lib/shapes.js";
import { summarise } from "./lib/stats.js";

const { values } = parseArgs({
  options: {
    shape: { type: "string", default: "14m" },
    steps: { type: "string", default: "400" },
    runs: { type: "string", default: "3" },
    out: { type: "string" },
  },
});
const shape = values.shape as ShapeName;
const steps = Number(values.steps);
const folder = mkdtempSync(join(tmpdir(), "outright-kl-"));

interface Cost {
  klSeconds: number;
  /** of the whole run, KL included */
  seconds: number;
  evaluations: number;
}

let device = "";
/** An ALRIGHT run with the defaults of a run config: KL on 64 tokens of each objective, every 100 steps. */
async function costOf(seed: number): Promise<Cost> {
  const evals: EvalEvent[] = [];
  let end: EndEvent | undefined;
  const config = parseConfig({
    model: join(folder, "model"),
    init: "random",
    out: join(folder, `out-${seed}`),
    objectives: runObjectives(folder, { sft: 8, dpo: 4 }),
    policy: { name: "alright", lambda: 0.5 },
    steps,
    seed,
    maxLength: 256,
    truncate: "response-right",
  });
  await train(config, {
    onEvent: (event) => {
      if (event.type === "notice" && event.message.startsWith("device:")) device = event.message;
      if (event.type === "eval") evals.push(event);
      if (event.type === "end") end = event;
    },
  });
  if (end === undefined) throw new Error("the run told no end");
  rmSync(config.out, { recursive: true, force: true });
  const klSeconds = evals.reduce((sum, event) => sum + (event.klSeconds ?? 0), 0);
  if (klSeconds === 0) throw new Error("the run measured no KL");
  return { klSeconds, seconds: end.seconds, evaluations: evals.length };
}

const percent = ({ klSeconds, seconds }: Cost) => 100 * (klSeconds / (seconds - klSeconds));
const costs: Cost[] = [];
try {
  writeBlankModel(shape, join(folder, "model"));
  writeRunRows(folder);
  for (let seed = 1; seed <= Number(values.runs); seed++) {
    const cost = await costOf(seed);
    costs.push(cost);
    console.log(
      `${shape}, ${steps} steps: KL took ${cost.klSeconds.toFixed(2)} s in ${cost.evaluations} evaluations of a run of ${cost.seconds.toFixed(1)} s: ${percent(cost).toFixed(2)} % more`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const result = {
  date: new Date().toISOString().slice(0, 10),
  commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
  command: `pnpm bench:kl --shape ${shape} --steps ${steps} --runs ${values.runs}`,
  device,
  costs,
  /** percent more than the same run without KL */
  percent: summarise(costs.map(percent)),
};
console.log(`median ${result.percent.median.toFixed(2)} %`);
if (values.out !== undefined) {
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`wrote ${values.out}`);
}
