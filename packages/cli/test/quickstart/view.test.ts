import type { StepEvent } from "@outright/trainer";
import { describe, expect, it } from "vitest";
import { QuickstartView } from "../../src/quickstart/view.js";

const STAGES = [
  { name: "base", cost: 10 },
  { name: "sft-then-dpo", cost: 10 },
];

function screen({ isTerminal = true, isJson = false } = {}) {
  const written = { out: "", err: "" };
  const output = {
    out: (text: string) => {
      written.out += text;
    },
    err: (text: string) => {
      written.err += text;
    },
    isTerminal,
    hasColour: false,
    width: () => 80,
  };
  return { written, view: new QuickstartView(output, isJson, STAGES) };
}

const step = (n: number, losses: Record<string, number>) =>
  ({ type: "step", step: n, losses }) as unknown as StepEvent;
/** What a terminal shows: each line after its last return to the beginning. */
const shown = (text: string): string[] =>
  text.split("\n").map((line) => line.split("\r\x1b[K").at(-1) as string);

describe("the quickstart's view", () => {
  it("has one live line with stage, step and the latest loss of each objective; finished stages stay", () => {
    const { written, view } = screen();
    view.begin(0);
    view.done("text 0.457");
    view.begin(1);
    view.event(step(1, { sft: 2 }), 200, 0.9);
    expect(view.position).toBe("step 1 of 200");
    view.done("sft 1.000");
    const lines = shown(written.out);
    expect(lines[0]).toMatch(/^1\/2 {2}base {10}text 0\.457 +0\.0s$/);
    expect(written.out).toContain("\r\x1b[K2/2  sft-then-dpo  step   1/200  sft 2.0000");
    expect(lines[1]).toMatch(/^2\/2 {2}sft-then-dpo {2}sft 1\.000 +0\.0s$/);
    for (const line of lines) expect(line.length).toBeLessThan(80);
  });

  it("tells a notice once, and warnings on standard error", () => {
    const { written, view } = screen({ isTerminal: false });
    for (const level of ["info", "info", "warning", "warning"] as const) {
      view.event({ type: "notice", level, message: `a ${level}` }, 10, 1);
    }
    expect(written).toEqual({ out: "a info\n", err: "warning: a warning\n" });
  });

  it("with --json writes nothing but JSON, each event with its run", () => {
    const { written, view } = screen({ isJson: true });
    view.begin(1);
    view.event(step(3, { sft: 2 }), 200, 0.9);
    view.event({ type: "notice", level: "warning", message: "a warning" }, 200, 0.9);
    view.progress("answering", 1);
    view.keep("a line");
    view.done("text");
    const lines = written.out.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { type: "stage", stage: 2, of: 2, name: "sft-then-dpo" },
      { run: "sft-then-dpo", type: "step", step: 3, losses: { sft: 2 } },
      { run: "sft-then-dpo", type: "notice", level: "warning", message: "a warning" },
    ]);
    expect(written.err).toBe("");
  });

  it("says at a signal that it is saving", () => {
    const { written, view } = screen();
    view.stopping("SIGINT");
    expect(written.err).toBe("SIGINT: saving, press again to quit at once\n");
  });
});
