import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig, type RunConfig, stringifyConfig } from "outright";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { finishedSteps } from "../dist/engine/resume.js";

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

describe("finishedSteps", () => {
  it("lets a run begin where none is, or none got to a checkpoint", () => {
    expect(finishedSteps(config)).toBeUndefined();
    put("config.yaml", stringifyConfig(config));
    expect(finishedSteps(config)).toBeUndefined();
  });

  it("lets a stopped or killed run go on, its last line cut or not", () => {
    put("config.yaml", stringifyConfig(config));
    put("checkpoints/step-3/state.json", "{}");
    put("metrics.jsonl", '{"type":"step","step":4}\n{"type":"st');
    expect(finishedSteps(config)).toBeUndefined();
  });

  it("knows a finished run by its end line and its model, both", () => {
    put("config.yaml", stringifyConfig(config));
    put("checkpoints/step-5/state.json", "{}");
    put("metrics.jsonl", `{"type":"step","step":5}\n${END}`);
    expect(finishedSteps(config)).toBeUndefined();
    put("model/config.json", "{}");
    expect(finishedSteps(config)).toBe(5);
    put("metrics.jsonl", END.replace("finished", "stopped"));
    expect(finishedSteps(config)).toBeUndefined();
  });

  it("refuses another config, naming the keys", () => {
    put("config.yaml", stringifyConfig({ ...config, seed: 1, steps: 6, threads: 9 }));
    expect(() => finishedSteps(config)).toThrow(
      `${config.out} cannot be resumed with another config: seed, steps differ from its config.yaml; take them back, or give another out`,
    );
  });
});
