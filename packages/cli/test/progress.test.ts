import type { StepEvent, TrainEvent } from "outright";
import { describe, expect, it } from "vitest";
import { formatBytes, formatCount, formatLoss, formatSeconds, formatWhole } from "../dist/terminal/format.js";
import { ProgressView } from "../dist/terminal/progress.js";

const RUN = { steps: 100, objectives: ["sft", "dpo"] };

function recorder(isTerminal: boolean, columns = 200) {
  const written = { out: "", err: "" };
  return {
    written,
    output: {
      out: (text: string) => {
        written.out += text;
      },
      err: (text: string) => {
        written.err += text;
      },
      isTerminal,
      hasColour: false,
      width: () => columns,
    },
  };
}

function step(number: number, objective: string, loss: number): StepEvent {
  return {
    type: "step",
    step: number,
    objective,
    weights: { [objective]: 1 },
    losses: { [objective]: loss },
    loss,
    lossTokens: 10,
    tokens: 1000,
    pairs: 0,
    lr: 1e-4,
    gradNorm: 1,
    seconds: 0.5,
  };
}

const start: TrainEvent = {
  type: "start",
  version: 1,
  model: "base",
  objectives: { sft: { kind: "sft", data: "/far/alpaca.jsonl", rows: 52002, held: 1560 } },
  policy: { name: "alright" },
  steps: 100,
  optima: {},
  keys: {},
  parameters: 14067712,
  device: "cpu-avx2, portable",
};

describe("progress on a terminal", () => {
  it("overwrites one line with losses of all objectives, rate and remaining time", () => {
    const { output, written } = recorder(true);
    let now = 0;
    const view = new ProgressView(output, RUN, () => now);
    view.show(step(1, "dpo", 0.25));
    now = 0.06;
    view.show(step(2, "sft", 2.5));
    expect(written.out).toBe(
      "\r\x1b[Kstep 1/100  dpo 0.2500  2.00k tokens/s  50s left\r\x1b[Kstep 2/100  sft 2.5000  dpo 0.2500  2.00k tokens/s  49s left",
    );
    expect(view.step).toBe(2);
  });

  it("is repainted at most twenty times a second, but for the last step", () => {
    const { output, written } = recorder(true);
    let now = 0;
    const view = new ProgressView(output, { ...RUN, steps: 1000 }, () => now);
    for (let number = 1; number <= 1000; number++) {
      now = number / 1000;
      view.show(step(number, "sft", 1));
    }
    const painted = written.out.split("\r\x1b[K").length - 1;
    expect(painted).toBeLessThanOrEqual(21);
    expect(painted).toBeGreaterThanOrEqual(19);
    expect(written.out).toMatch(/step 1,000\/1,000 [^\r]*$/);
  });

  it("keeps evaluations and notices above it", () => {
    const { output, written } = recorder(true);
    const view = new ProgressView(output, RUN, () => 0);
    view.show(step(1, "sft", 2.5));
    view.show({
      type: "eval",
      step: 1,
      losses: { sft: 2, dpo: 0.5 },
      gaps: { sft: 1, dpo: 0.25 },
      idealDistance: 1.03078,
      seconds: 1,
    });
    view.show({ type: "notice", level: "warning", message: "3 rows dropped" });
    expect(written.out).toContain(
      "\r\x1b[Kstep 1 held-out  sft 2.0000  dpo 0.5000  gaps sft 1.0000  dpo 0.2500  ideal distance 1.0308\n",
    );
    expect(written.err).toBe("warning: 3 rows dropped\n");
  });

  it("says nothing of an evaluation without losses", () => {
    const { output, written } = recorder(true);
    const view = new ProgressView(output, RUN, () => 0);
    view.show({ type: "eval", step: 7, losses: {}, kl: { text: 0.1 }, seconds: 1, klSeconds: 1 });
    expect(written.out).toBe("");
    expect(view.step).toBe(7);
  });

  it("never fills the width, so that no line wraps", () => {
    const { output, written } = recorder(true, 20);
    new ProgressView(output, RUN, () => 0).show(step(1, "sft", 2.5));
    expect(written.out).toBe("\r\x1b[Kstep 1/100  sft 2.5");
  });
});

describe("progress of stages", () => {
  const tokenising = (done: number): TrainEvent => ({
    type: "progress",
    stage: "tokenising a.jsonl",
    done,
    total: 1000,
    unit: "rows",
  });

  it("tells the rate and the remaining time", () => {
    const { output, written } = recorder(true);
    let now = 0;
    const view = new ProgressView(output, RUN, () => now);
    view.show(tokenising(0));
    now = 2;
    view.show(tokenising(400));
    expect(written.out).toBe(
      "\r\x1b[Ktokenising a.jsonl 0%\r\x1b[Ktokenising a.jsonl 40%  200 rows/s  3.0s left",
    );
  });

  it("stands beside the steps while both go on", () => {
    const { output, written } = recorder(true);
    let now = 0;
    const view = new ProgressView(output, RUN, () => now++);
    view.show(tokenising(0));
    view.show(step(1, "sft", 2.5));
    view.show(tokenising(700));
    view.show(step(2, "sft", 2.5));
    view.show(tokenising(1000));
    view.show(step(3, "sft", 2.5));
    const [, , , second, third] = written.out.split("\r\x1b[K");
    expect(second).toBe("step 2/100  sft 2.5000  2.00k tokens/s  49s left  tokenising a.jsonl 70%");
    expect(third).toBe("step 3/100  sft 2.5000  2.00k tokens/s  49s left");
  });
});

describe("progress without a terminal", () => {
  it("writes plain lines now and then, and the last", () => {
    const { output, written } = recorder(false);
    let now = 0;
    const view = new ProgressView(output, RUN, () => now);
    for (let number = 1; number <= 100; number++) {
      now = number / 2;
      view.show(step(number, "sft", 1));
    }
    const lines = written.out.split("\n");
    expect(lines.map((line) => line.split("  ")[0])).toEqual([
      "step 1/100",
      "step 21/100",
      "step 41/100",
      "step 61/100",
      "step 81/100",
      "step 100/100",
      "",
    ]);
    expect(written.out).not.toContain("\x1b");
  });

  it("tells what is trained on what, and each stage of preparation once", () => {
    const { output, written } = recorder(false);
    const view = new ProgressView(output, RUN, () => 0);
    for (let done = 0; done <= 10; done++)
      view.show({ type: "progress", stage: "tokenising a", done, total: 10 });
    view.show({ type: "progress", stage: "tokenising b", done: 0, total: 10 });
    view.show(start);
    expect(written.out.split("\n")).toEqual([
      "tokenising a 0%",
      "tokenising b 0%",
      "14.1M parameters from base, on cpu-avx2, portable",
      "sft: sft, 52,002 rows of alpaca.jsonl, 1,560 held out",
      "policy alright, 100 steps",
      "",
    ]);
  });
});

describe("formats", () => {
  it.each([
    [0.04, "0.0s"],
    [9.94, "9.9s"],
    [59.4, "59s"],
    [59.6, "1m 00s"],
    [3599.6, "1h 00m"],
    [3600 * 30 + 61, "30h 01m"],
    [Number.NaN, "?"],
  ])("%d seconds are %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
  it.each([
    [999, "999"],
    [1000, "1.00k"],
    [999_600, "1.00M"],
    [14_067_712, "14.1M"],
    [123_456, "123k"],
    [Number.POSITIVE_INFINITY, "?"],
  ])("%d is %s", (count, text) => expect(formatCount(count)).toBe(text));
  it("bytes, wholes and losses", () => {
    expect([0, 1023, 1024, 1.5 * 2 ** 30].map(formatBytes)).toEqual([
      "0 bytes",
      "1023 bytes",
      "1.00 KiB",
      "1.50 GiB",
    ]);
    expect([0, 999, 1000, 1234567].map(formatWhole)).toEqual(["0", "999", "1,000", "1,234,567"]);
    expect([Math.LN2, Number.NaN, null, undefined].map(formatLoss)).toEqual(["0.6931", "nan", "nan", "nan"]);
  });
});
