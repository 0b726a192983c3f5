/** While the engine computes for seconds, the thread that people talk to stays free. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunConfigInput, train } from "outright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { start } from "./command.js";

const MODEL = fileURLToPath(new URL("../../../test/goldens/models/llama-nano", import.meta.url));
/** Between two ticks of a timer, and from a signal to its answer. */
const LIVE_MILLISECONDS = 100;
/** A busy machine may take the processor away for longer: then the measurement is made again. */
const retries = { retry: 4, timeout: 120_000 };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outright-live-"));
  const row = (n: number) => `${JSON.stringify({ prompt: `count ${n}`, response: `${n} ${n + 1}` })}\n`;
  writeFileSync(join(folder, "sft.jsonl"), Array.from({ length: 40 }, (_, n) => row(n)).join(""));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One step of it takes seconds. */
function config(out: string): RunConfigInput {
  const sft = {
    kind: "sft",
    data: join(folder, "sft.jsonl"),
    format: "prompt-response",
    batch: 20_000,
  } as const;
  return {
    model: MODEL,
    out: join(folder, out),
    steps: 2,
    threads: 1,
    maxLength: 128,
    objectives: { sft },
    evaluate: { every: 0, holdout: 0.1 },
  };
}

let runs = 0;

it("timers of the calling thread go on during a long step", retries, async () => {
  const abort = new AbortController();
  let last = 0;
  let longest = 0;
  let seconds = 0;
  const tick = setInterval(() => {
    const now = performance.now();
    if (last > 0) longest = Math.max(longest, now - last);
    last = now;
  }, 5);
  await train(config(`timers-${runs++}`), {
    report: false,
    signal: abort.signal,
    onEvent: (event) => {
      if (event.type === "start") longest = last = 0; // from here on
      if (event.type !== "step") return;
      seconds = event.seconds;
      abort.abort();
    },
  });
  clearInterval(tick);
  expect(seconds).toBeGreaterThan(10 * (LIVE_MILLISECONDS / 1000));
  expect(longest).toBeLessThan(LIVE_MILLISECONDS);
});

it("answers Ctrl-C at once during a long step, and a second one ends it", retries, async () => {
  const path = join(folder, "signals.json");
  writeFileSync(path, JSON.stringify(config(`signals-${runs++}`)));
  const running = start(["train", path]);
  await running.saw("policy single");
  await new Promise((resolve) => setTimeout(resolve, 300)); // into the step
  const asked = performance.now();
  running.child.kill("SIGINT");
  await running.saw("SIGINT: stopping, press again to quit at once");
  const answered = performance.now() - asked;
  running.child.kill("SIGINT");
  expect((await running.outcome).signal).toBe("SIGINT");
  expect(answered).toBeLessThan(LIVE_MILLISECONDS);
});
