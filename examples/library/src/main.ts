/**
 * Training from a program. Writes a tiny model and two tiny data sets into a folder, trains on both at once, and prints
 * the losses. Run it with `pnpm --filter example-library start [folder]`; without a folder it cleans up after itself.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunConfigInput, type TrainEvent, train } from "outright";
import { writeTinyModel } from "./tiny-model.js";

const given = process.argv[2];
const folder = given ?? mkdtempSync(join(tmpdir(), "outright-example-"));

writeTinyModel(join(folder, "model"));
writeRows(
  "instructions.jsonl",
  sums((a, b) => ({ prompt: `${a} + ${b} =`, response: ` ${a + b}` })),
);
writeRows(
  "preferences.jsonl",
  sums((a, b) => ({ prompt: `${a} + ${b} =`, chosen: ` ${a + b}, please`, rejected: ` ${a + b}!` })),
);

const config: RunConfigInput = {
  model: join(folder, "model"),
  init: "random",
  out: join(folder, "run"),
  objectives: {
    sums: { kind: "sft", data: join(folder, "instructions.jsonl"), format: "prompt-response", batch: 8 },
    manners: { kind: "dpo", data: join(folder, "preferences.jsonl"), format: "pairs", batch: 4 },
  },
  policy: { name: "alright", lambda: 0.5 },
  steps: 60,
  maxLength: 256,
  optimizer: { lr: 5e-3 },
  evaluate: { every: 20, holdout: 0.1 },
};

const stop = new AbortController();
process.once("SIGINT", () => stop.abort()); // saves and leaves; `resume: true` goes on

const result = await train(config, { signal: stop.signal, onEvent: show });
console.log(`${result.reason} after ${result.step} steps:`, result.losses);
if (given === undefined) rmSync(folder, { recursive: true });
else console.log(`the model is in ${join(result.out, "model")}`);

function show(event: TrainEvent): void {
  if (event.type !== "eval") return;
  const losses = Object.entries(event.losses).map(([name, loss]) => `${name} ${loss.toFixed(4)}`);
  console.log(`step ${event.step}, held-out losses: ${losses.join(", ")}`);
}

function writeRows(name: string, rows: object[]): void {
  writeFileSync(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

function sums<Row>(row: (a: number, b: number) => Row): Row[] {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
  return numbers.flatMap((a) => numbers.map((b) => row(a, b)));
}
