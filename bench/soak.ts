/**
 * Many small steps of a whole run: does memory stay flat, do steps stay as fast? RSS is noted every 100 steps, after a
 * garbage collection: what JavaScript has not collected yet comes and goes within some MiB, and would hide a leak.
 *
 *   pnpm bench:soak [--steps 2000] [--out bench/results/soak/soak.json]
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { counterRandom } from "@outright/data";
import { parseConfig, train } from "@outright/trainer";

const { values } = parseArgs({
  options: { steps: { type: "string", default: "2000" }, out: { type: "string" } },
});
const steps = Number(values.steps);
const folder = mkdtempSync(join(tmpdir(), "outright-soak-"));
const uniform = counterRandom(1, "soak");
let drawn = 0;
const text = (most: number) =>
  Array.from({ length: 1 + Math.floor(most * uniform(drawn++)) }, () =>
    String.fromCharCode(97 + Math.floor(26 * uniform(drawn++))),
  ).join(" ");
const lines = (row: () => object) => Array.from({ length: 300 }, () => JSON.stringify(row())).join("\n");
writeFileSync(
  join(folder, "sft.jsonl"),
  lines(() => ({ prompt: text(20), response: text(40) })),
);
writeFileSync(
  join(folder, "dpo.jsonl"),
  lines(() => ({ prompt: text(20), chosen: text(30), rejected: text(30) })),
);

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const rss: { step: number; bytes: number }[] = [];
const seconds: number[] = [];
let device = "";
const config = parseConfig({
  version: 1,
  model: join(import.meta.dirname, "../test/goldens/models/llama-nano"),
  out: join(folder, "out"),
  objectives: {
    sft: { kind: "sft", data: join(folder, "sft.jsonl"), format: "prompt-response", batch: 4 },
    dpo: { kind: "dpo", data: join(folder, "dpo.jsonl"), format: "pairs", batch: 2 },
  },
  policy: { name: "alright", lambda: 0.5 },
  maxLength: 128,
  truncate: "response-right",
  steps,
  evaluate: { every: 200, rows: 8 },
  checkpoint: { every: 500, keep: 1 },
});
await train(config, {
  onEvent: (event) => {
    if (event.type === "notice" && event.message.startsWith("device:")) device = event.message;
    if (event.type !== "step") return;
    seconds.push(event.seconds);
    if (event.step % 100 !== 0) return;
    collect();
    rss.push({ step: event.step, bytes: process.memoryUsage().rss });
  },
});
rmSync(folder, { recursive: true, force: true });

const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] as number;
const half = Math.floor(steps / 2);
const last = rss.filter(({ step }) => step > half).map(({ bytes }) => bytes);
const result = {
  date: new Date().toISOString().slice(0, 10),
  commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
  command: `pnpm bench:soak --steps ${steps}`,
  device,
  rss,
  /** largest over smallest RSS of the second half, minus 1 */
  growth: Math.max(...last) / Math.min(...last) - 1,
  stepSeconds: { firstHalf: median(seconds.slice(0, half)), secondHalf: median(seconds.slice(half)) },
};
const MiB = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
console.log(
  `RSS over the last ${steps - half} steps: ${MiB(Math.min(...last))} to ${MiB(Math.max(...last))} MiB (${(100 * result.growth).toFixed(2)} %)`,
);
console.log(
  `median step: ${(1000 * result.stepSeconds.firstHalf).toFixed(2)} ms in the first half, ${(1000 * result.stepSeconds.secondHalf).toFixed(2)} ms in the second`,
);
if (values.out !== undefined) {
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`wrote ${values.out}`);
}
