/** Runs whose data is still being tokenised when they begin. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig, type RunConfigInput, type TrainEvent, train } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const goldens = join(import.meta.dirname, "../../../test/goldens");
const ROWS = 24_000;
/** rows of the large files that are too long, or no pairs: dropped, and passed over by the streams */
const isDropped = (row: number) => row % 7 === 3;

let root: string;
let files: { sft: string; dpo: string };

/** Words that hardly come twice, so that tokenising is as slow as it can be. */
const words = (row: number, count: number) => {
  let text = "";
  for (let i = 0; text.length < 9 * count; i++) {
    text += `${createHash("sha256")
      .update(`${row} ${i}`)
      .digest("base64url")
      .replace(/[\d_-]/g, " ")} `;
  }
  return text.slice(0, 9 * count).trim();
};

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outright-tokenising-"));
  const write = (name: string, row: (i: number) => object, rows: number) => {
    const path = join(root, name);
    const lines = Array.from({ length: rows }, (_, i) => JSON.stringify(row(i)));
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  };
  files = {
    sft: write(
      "sft.jsonl",
      (i) => ({ prompt: words(i, 2), response: words(-i, isDropped(i) ? 60 : 12) }),
      ROWS,
    ),
    dpo: write(
      "dpo.jsonl",
      (i) => ({
        prompt: words(i, 2),
        chosen: words(i + 1, 6),
        rejected: words(isDropped(i) ? i + 1 : i + 2, 6),
      }),
      ROWS / 2,
    ),
  };
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** `place` is a folder of its own beside which nothing is cached yet. */
function config(place: string, changes: Partial<RunConfigInput> = {}): RunConfigInput {
  return {
    version: 1,
    model: join(goldens, "models/llama-nano"),
    maxLength: 160,
    truncate: "drop",
    objectives: {
      sft: { kind: "sft", data: files.sft, format: "prompt-response", batch: 4 },
      dpo: { kind: "dpo", data: files.dpo, format: "pairs", batch: 2 },
    },
    policy: { name: "alright", lambda: 0.5 },
    steps: 12,
    evaluate: { rows: 20, holdout: 0.01, every: 5 },
    out: join(root, place, "run"),
    ...changes,
  } as RunConfigInput;
}

async function run(input: RunConfigInput, shouldStop: (events: TrainEvent[]) => boolean = () => false) {
  const events: TrainEvent[] = [];
  const resolved = parseConfig(input);
  const result = await train(resolved, {
    onEvent: (event) => events.push(event),
    shouldStop: () => shouldStop(events),
    resume: true,
  });
  const model =
    result.reason === "finished" ? readFileSync(join(resolved.out, "model/model.safetensors")) : null;
  const lines = events
    .filter(({ type }) => ["start", "step", "eval", "end"].includes(type))
    .map(withoutTimes);
  return { events, result, lines, model };
}

/** What the clock, the threads and the process decide. */
const TIMES = ["seconds", "klSeconds", "cpuSeconds", "threads", "peakTensorBytes", "peakRssBytes"];

const withoutTimes = <Line>(line: Line): Line =>
  JSON.parse(JSON.stringify(line), (key, value: unknown) => (TIMES.includes(key) ? 0 : value));

const warnings = (events: TrainEvent[]) =>
  events.flatMap((event) => (event.type === "notice" && event.level === "warning" ? [event.message] : []));

const cacheOf = (place: string) => join(root, place, ".cache/tokens");

describe("a run whose data is still being tokenised", () => {
  it("takes its first step before the rest is there, and gives the bits of a run with all in the cache", {
    timeout: 300_000,
  }, async () => {
    const cold = await run(config("bits"));
    const at = (test: (event: TrainEvent) => boolean) => cold.events.findIndex(test);
    const firstStep = at(({ type }) => type === "step");
    const tokenised = at(
      (event) =>
        event.type === "progress" && event.stage === "tokenising sft.jsonl" && event.done === event.total,
    );
    expect(firstStep).toBeGreaterThan(0);
    expect(tokenised).toBeGreaterThan(firstStep);
    // told when it is known, and not twice
    const dropped = Array.from({ length: ROWS }, (_, i) => i).filter(isDropped);
    expect(warnings(cold.events).toSorted()).toEqual([
      `dpo.jsonl: dropped ${dropped.filter((row) => row < ROWS / 2).length} of ${ROWS / 2} rows: chosen = rejected (first: ${dropped.slice(0, 5).join(", ")})`,
      `sft.jsonl: dropped ${dropped.length} of ${ROWS} rows: longer than maxLength (first: ${dropped.slice(0, 5).join(", ")})`,
    ]);
    expect(cold.events.find(({ type }) => type === "start")).toMatchObject({
      objectives: { sft: { rows: ROWS - 20, held: 20 }, dpo: { rows: ROWS / 2 - 20, held: 20 } },
    });
    expect(readdirSync(cacheOf("bits")).filter((name) => name.endsWith(".tokens"))).toHaveLength(2);

    rmSync(join(root, "bits/run"), { recursive: true });
    const cached = await run(config("bits"));
    expect(cached.lines).toEqual(cold.lines);
    expect(cached.model?.equals(cold.model as Buffer)).toBe(true);
    expect(warnings(cached.events).toSorted()).toEqual(warnings(cold.events).toSorted());
    const begun = cached.events.findIndex(({ type }) => type === "start");
    expect(
      cached.events.slice(begun).some((event) => event.type === "progress" && event.unit === "rows"),
    ).toBe(false);

    // and so does one that was stopped while it tokenised, and resumed
    const steps = (events: TrainEvent[]) => events.filter(({ type }) => type === "step").length;
    const stopped = await run(config("resumed"), (events) => steps(events) >= 3);
    expect(stopped.result).toMatchObject({ reason: "stopped", step: 3 });
    const resumed = await run(config("resumed"));
    expect(resumed.result.reason).toBe("finished");
    expect(resumed.model?.equals(cold.model as Buffer)).toBe(true);
    const trained = (lines: { type: string }[]) => lines.filter(({ type }) => type === "step");
    expect([...trained(stopped.lines), ...trained(resumed.lines)]).toEqual(trained(cold.lines));
  });

  it("stops when asked while it waits, and leaves nothing half done", { timeout: 60_000 }, async () => {
    // so many pairs that the threads are waited for before their reference log-probs are computed
    const waiting = config("stop", { steps: 20_000 });
    let asked = 0;
    const stopped = await run(waiting, (events) => {
      const isStop = events.some(
        (event) => event.type === "progress" && event.done > 0 && event.unit === "rows",
      );
      if (isStop && asked === 0) asked = performance.now();
      return isStop;
    });
    expect(stopped.result).toMatchObject({ reason: "stopped", step: 0 });
    expect(asked).toBeGreaterThan(0);
    expect(stopped.events.some(({ type }) => type === "step")).toBe(false);
    expect(readdirSync(cacheOf("stop"))).toEqual([]);
  });

  it("ends with the row's error where one cannot be an example, at the latest before it finishes", {
    timeout: 60_000,
  }, async () => {
    const path = join(root, "long.jsonl");
    const long = { prompt: "p", response: words(1, 100) };
    writeFileSync(
      path,
      `${readFileSync(files.dpo, "utf8")}`.replaceAll('"chosen"', '"response"') + JSON.stringify(long),
    );
    const single = {
      policy: { name: "single", objective: "sft" },
      objectives: { sft: { kind: "sft", data: path, format: "prompt-response", batch: 2 } },
      truncate: "error",
      steps: 2,
      checkpoint: { every: 1, keep: 2 },
      evaluate: { rows: 2 },
    } as Partial<RunConfigInput>;
    const message = new RegExp(
      `^${path}: row ${ROWS / 2} \\(from 0; line ${ROWS / 2 + 1}\\): \\d+ tokens \\(prompt 2, response \\d+\\), but maxLength is 160; raise maxLength, or set truncate to drop, prompt-left or response-right$`,
    );
    for (const _ of ["at first", "when it is resumed"]) {
      await expect(run(config("error", single))).rejects.toThrow(message);
    }
    const left = readdirSync(join(root, "error/run"));
    expect(left).not.toContain("model");
  });
});
