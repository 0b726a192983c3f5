import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig, type RunConfig, stringifyConfig } from "outright";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resumeState } from "../dist/engine/resume.js";

let config: RunConfig;
beforeEach(() => {
  config = parseConfig(
    {
      model: "m",
      out: mkdtempSync(join(tmpdir(), "outright-resume-")),
      steps: 5,
      objectives: { a: { kind: "sft", data: "d", format: "text" } },
    },
    { checkFiles: false },
  );
});
afterEach(() => rmSync(config.out, { recursive: true, force: true }));

const put = (name: string, text: string): void => {
  mkdirSync(join(config.out, name, ".."), { recursive: true });
  writeFileSync(join(config.out, name), text);
};
const END = `${JSON.stringify({ type: "end", step: 5, reason: "finished", seconds: 1, stepsPerObjective: { a: 5 } })}\n`;

describe("resumeState", () => {
  it("finds nothing where no run is, nor where none got to a checkpoint", () => {
    expect(resumeState(config)).toEqual({ kind: "nothing" });
    put("config.yaml", stringifyConfig(config));
    expect(resumeState(config)).toEqual({ kind: "nothing" });
  });

  it("finds a run that goes on from its checkpoint", () => {
    put("config.yaml", stringifyConfig(config));
    put("checkpoints/step-3/state.json", "{}");
    put("metrics.jsonl", '{"type":"step","step":4}\n{"type":"st');
    expect(resumeState(config)).toEqual({ kind: "unfinished" });
  });

  it("knows a finished run by its end line and its model, both", () => {
    put("config.yaml", stringifyConfig(config));
    put("checkpoints/step-5/state.json", "{}");
    put("metrics.jsonl", `{"type":"step","step":5}\n${END}`);
    expect(resumeState(config)).toEqual({ kind: "unfinished" });
    put("model/config.json", "{}");
    expect(resumeState(config)).toEqual({ kind: "finished", step: 5 });
    put("metrics.jsonl", END.replace("finished", "stopped"));
    expect(resumeState(config)).toEqual({ kind: "unfinished" });
  });

  it("refuses another config, naming the keys", () => {
    put("config.yaml", stringifyConfig({ ...config, seed: 1, steps: 6, threads: 9 }));
    expect(() => resumeState(config)).toThrow(
      `${config.out} cannot be resumed with another config: seed, steps differ from its config.yaml; take them back, or give another out`,
    );
  });
});
