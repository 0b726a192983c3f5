import { configKeys, parseConfig } from "@outright/trainer";
import { describe, expect, it } from "vitest";
import { INIT_TEMPLATE } from "../dist/commands/init-template.js";

describe("the config that init writes", () => {
  it("holds the defaults, so that removing a key changes nothing", () => {
    const written = parseConfig(INIT_TEMPLATE, { checkFiles: false });
    const short = parseConfig(
      {
        model: "models/base",
        out: "runs/first",
        steps: 1000,
        objectives: {
          sft: { kind: "sft", data: "data/instructions.jsonl", format: "alpaca" },
          dpo: { kind: "dpo", data: "data/preferences.jsonl", format: "pairs" },
        },
        policy: { name: "alright", lambda: 0.5 },
      },
      { checkFiles: false },
    );
    expect(written).toEqual(short);
  });

  it("tells of every key there is", () => {
    const missing = configKeys()
      .map((key) => key.slice(key.lastIndexOf(".") + 1))
      .filter((key) => !new RegExp(`\\b${key}:`).test(INIT_TEMPLATE));
    expect(missing).toEqual([]);
  });

  it("has commented alternatives that are good as well", () => {
    const loras = [...INIT_TEMPLATE.matchAll(/^# (lora: [^#\n]*)/gm)].map((match) => match[1] as string);
    expect(loras.length).toBe(2);
    for (const lora of loras)
      expect(() => parseConfig(`${INIT_TEMPLATE}${lora}\n`, { checkFiles: false }), lora).not.toThrow();
    const policies = [...INIT_TEMPLATE.matchAll(/^# (policy: .*)$/gm)].map((match) => match[1] as string);
    expect(policies.length).toBeGreaterThanOrEqual(4);
    for (const policy of policies) {
      const text = INIT_TEMPLATE.replace(/^policy: .*$/m, policy);
      expect(() => parseConfig(text, { checkFiles: false }), policy).not.toThrow();
    }
  });
});
