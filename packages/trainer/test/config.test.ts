import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  configJsonSchema,
  configKeys,
  type DpoObjectiveConfig,
  loadConfig,
  parseConfig,
  resultKeysThatDiffer,
  stringifyConfig,
} from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const unchecked = { checkFiles: false };
const minimal = {
  model: "m",
  out: "o",
  steps: 10,
  objectives: { chat: { kind: "sft", data: "a.jsonl", format: "alpaca" } },
} as const;

/** The example of the design's section 7, as far as this version goes. */
const design = `
version: 1
model: base
device: auto
seed: 42
objectives:
  sft: { kind: sft, data: alpaca.jsonl, format: alpaca, batch: 24 }
  dpo: { kind: dpo, data: hh.jsonl, format: hh, batch: 8, beta: 0.1, loss: sigmoid, reference: initial }
policy: { name: alright, lambda: 0.5 }
steps: 6000
maxLength: 2048
truncate: error
tokensPerMicroBatch: auto
order: shuffle
optimizer: { name: adamw, lr: 5.0e-5, betas: [0.9, 0.95], eps: 1.0e-8, weightDecay: 0, clip: 1.0 }
schedule: { name: constant, warmup: 0 }
evaluate: { every: 100, rows: 500, holdout: 0.03 }
checkpoint: { every: 500, keep: 2 }
out: runs/name
`;

describe("parseConfig", () => {
  it("fills in every default", () => {
    expect(parseConfig(minimal, unchecked)).toEqual({
      version: 1,
      model: join(process.cwd(), "m"),
      init: "pretrained",
      device: "auto",
      dtype: "float32",
      threads: 0,
      seed: 42,
      objectives: {
        chat: {
          kind: "sft",
          data: join(process.cwd(), "a.jsonl"),
          format: "alpaca",
          template: "alpaca",
          boundary: "separate",
          batch: 24,
          loss: "token-mean",
        },
      },
      policy: { name: "single", objective: "chat" },
      steps: 10,
      maxLength: 2048,
      truncate: "error",
      recompute: "none",
      headCache: 128,
      tokensPerMicroBatch: "auto",
      order: "shuffle",
      optimizer: {
        name: "adamw",
        lr: 5e-5,
        betas: [0.9, 0.95],
        eps: 1e-8,
        weightDecay: 0,
        clip: 1,
        masters: true,
      },
      schedule: { name: "constant", warmup: 0, minimum: 0 },
      evaluate: { every: 100, rows: 500, holdout: 0.03, kl: 64, trainRows: 0 },
      checkpoint: { every: 500, keep: 2 },
      out: join(process.cwd(), "o"),
    });
  });

  it("takes the example of the design, whose values are the defaults", () => {
    const config = parseConfig(design, unchecked);
    const { policy: _, ...rest } = config;
    const short = parseConfig(
      {
        model: "base",
        out: "runs/name",
        steps: 6000,
        objectives: {
          sft: { kind: "sft", data: "alpaca.jsonl", format: "alpaca" },
          dpo: { kind: "dpo", data: "hh.jsonl", format: "hh" },
        },
        policy: { name: "mix", lambda: 0.1 },
      },
      unchecked,
    );
    expect(short).toEqual({ ...rest, policy: { name: "mix", lambda: 0.1, backward: "apart" } });
    expect(config.policy).toEqual({ name: "alright", lambda: 0.5 });
    expect(Object.keys(config.objectives)).toEqual(["sft", "dpo"]);
  });

  it("gives a preference objective the settings of its loss, and no others", () => {
    const of = (loss: object) => {
      const objectives = { p: { kind: "dpo", data: "b", format: "pairs", ...loss } } as const;
      const config = parseConfig({ ...minimal, objectives }, unchecked);
      // a resolved config is a config: nothing in it is refused
      expect(parseConfig(stringifyConfig(config), unchecked)).toEqual(config);
      const { kind, data, format, template, boundary, batch, identicalPairs, ...rest } = config.objectives
        .p as DpoObjectiveConfig;
      expect([kind, format, template, boundary, batch, identicalPairs].join()).toBe(
        "dpo,pairs,plain,separate,8,drop",
      );
      expect(data).toBe(join(process.cwd(), "b"));
      return rest;
    };
    const beta = 0.1;
    const reference = "initial";
    expect(of({})).toEqual({
      ...{ loss: "sigmoid", beta, nll: 0, labelSmoothing: 0, lengthNormalised: false, reference },
    });
    expect(of({ loss: "ipo", beta: 0.2 })).toEqual({
      ...{ loss: "ipo", beta: 0.2, nll: 0, lengthNormalised: true, reference },
    });
    expect(of({ loss: "mmpo", reference: "r" })).toEqual({
      ...{ loss: "mmpo", beta, nll: 0, marginScale: 1, lengthNormalised: false },
      reference: join(process.cwd(), "r"),
    });
    expect(of({ loss: "robust", labelSmoothing: 0.1 })).toMatchObject({ labelSmoothing: 0.1, reference });
    expect(of({ loss: "hinge", nll: 0.2, lengthNormalised: true })).toMatchObject({
      ...{ nll: 0.2, lengthNormalised: true },
    });
    expect(of({ loss: "simpo", margin: 0.5 })).toEqual({ loss: "simpo", beta: 2, nll: 0, margin: 0.5 });
    expect(of({ loss: "orpo" })).toEqual({ loss: "orpo", beta, nll: 1 });
  });

  it("reads JSON as well, tabs and all", () => {
    expect(parseConfig(JSON.stringify(minimal, null, "\t"), unchecked)).toEqual(
      parseConfig(minimal, unchecked),
    );
  });

  it.each([
    ["alpaca", "alpaca"],
    ["messages", "chat"],
    ["prompt-response", "plain"],
    ["text", "plain"],
  ] as const)("format %s has template %s unless told", (format, template) => {
    const config = parseConfig(
      { ...minimal, objectives: { a: { kind: "sft", data: "a", format } } },
      unchecked,
    );
    expect(config.objectives.a?.template).toBe(template);
  });

  it("holds nothing out in file order unless asked", () => {
    expect(parseConfig({ ...minimal, order: "file" }, unchecked).evaluate.holdout).toBe(0);
    expect(
      parseConfig({ ...minimal, order: "file", evaluate: { holdout: 0.1 } }, unchecked).evaluate.holdout,
    ).toBe(0.1);
  });

  it("takes steps from the stages where they are not given", () => {
    const { steps: _, ...rest } = minimal;
    const stages = [
      { objective: "chat", steps: 3 },
      { objective: "chat", steps: 4 },
    ];
    const config = parseConfig({ ...rest, policy: { name: "sequential", stages } }, unchecked);
    expect(config.steps).toBe(7);
    expect(config.policy).toEqual({ name: "sequential", stages, freshOptimizer: true });
  });

  it("leaves the given object as it was", () => {
    const given = structuredClone(minimal);
    parseConfig(given, { ...unchecked, overrides: { steps: "3", "objectives.chat.batch": "1" } });
    expect(given).toEqual(minimal);
  });
});

describe("overrides", () => {
  it("set values at any depth, read as YAML", () => {
    const overrides = {
      steps: "7",
      "objectives.sft.batch": "3",
      "optimizer.betas": "[0.5, 0.6]",
      "optimizer.lr": "3e-4",
      policy: "{ name: sequential, stages: [{ objective: dpo, steps: 3 }, { objective: sft, steps: 9 }] }",
      "policy.stages.1.steps": "4",
      "policy.freshOptimizer": "false",
    };
    const config = parseConfig(design, { ...unchecked, overrides });
    expect(config.steps).toBe(7);
    expect(config.objectives.sft?.batch).toBe(3);
    expect(config.objectives.dpo?.batch).toBe(8);
    expect(config.optimizer).toMatchObject({ betas: [0.5, 0.6], lr: 3e-4, eps: 1e-8 });
    expect(config.policy).toEqual({
      name: "sequential",
      stages: [
        { objective: "dpo", steps: 3 },
        { objective: "sft", steps: 4 },
      ],
      freshOptimizer: false,
    });
  });

  it("resolve paths from the working directory, the file's own from its folder", () => {
    const config = parseConfig(design, {
      ...unchecked,
      path: "/far/away/run.yaml",
      overrides: { out: "here", "objectives.sft.data": "x" },
    });
    expect(config.out).toBe(join(process.cwd(), "here"));
    expect(config.objectives.sft?.data).toBe(join(process.cwd(), "x"));
    expect(config.objectives.dpo?.data).toBe("/far/away/hh.jsonl");
    expect(config.model).toBe("/far/away/base");
  });

  it("refuse a list index that is not there", () => {
    expect(() => parseConfig(design, { ...unchecked, overrides: { "optimizer.betas.2": "0.5" } })).toThrow(
      "--optimizer.betas.2: the list has 2 items, counted from 0",
    );
  });
});

describe("files", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "outright-config-"));
    mkdirSync(join(folder, "base"));
    writeFileSync(join(folder, "alpaca.jsonl"), "{}\n");
    writeFileSync(join(folder, "hh.jsonl"), "{}\n");
    writeFileSync(join(folder, "run.yaml"), `\uFEFF${design}`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("that exist pass, relative to the config's folder", () => {
    const config = loadConfig(join(folder, "run.yaml"));
    expect(config.objectives.sft?.data).toBe(join(folder, "alpaca.jsonl"));
    expect(config.out).toBe(join(folder, "runs/name"));
  });

  it.each([
    ["model", "alpaca.jsonl", "is a file: "],
    ["objectives.sft.data", "base", "is a directory, not a file: "],
    ["objectives.sft.heldout", "none.jsonl", "no such file: "],
    ["objectives.dpo.reference", "none", "no such directory: "],
  ])("--%s %s is refused", (key, name, message) => {
    const overrides = { [key]: join(folder, name) };
    expect(() => loadConfig(join(folder, "run.yaml"), { overrides })).toThrow(
      `--${key}: ${message}${join(folder, name)}`,
    );
  });

  it("a run's own config.yaml reads back as the same config", () => {
    const config = loadConfig(join(folder, "run.yaml"));
    expect(parseConfig(stringifyConfig(config), { path: "/elsewhere/config.yaml" })).toEqual(config);
  });
});

describe("resultKeysThatDiffer", () => {
  const config = parseConfig(design, unchecked);
  it("finds what changes results", () => {
    const overrides = {
      "objectives.sft.batch": "3",
      seed: "1",
      "optimizer.betas": "[0.9, 0.99]",
      "policy.lambda": "0.4",
    };
    const other = parseConfig(design, { ...unchecked, overrides });
    expect(resultKeysThatDiffer(config, other)).toEqual([
      "objectives.sft.batch",
      "optimizer.betas.1",
      "policy.lambda",
      "seed",
    ]);
  });
  it("passes over what does not", () => {
    const overrides = { out: "else", threads: "3", "checkpoint.every": "1", "checkpoint.keep": "9" };
    expect(resultKeysThatDiffer(config, parseConfig(design, { ...unchecked, overrides }))).toEqual([]);
  });
  it("sees an objective that is gone", () => {
    const { sft: _, ...objectives } = config.objectives;
    expect(resultKeysThatDiffer(config, { ...config, objectives })).toEqual(["objectives.sft"]);
  });
});

describe("the format", () => {
  it("has these keys; a change needs a version number", () => {
    expect(configKeys()).toEqual([
      "budget",
      "budget.seconds",
      "budget.tokens",
      "checkpoint",
      "checkpoint.every",
      "checkpoint.keep",
      "device",
      "dtype",
      "evaluate",
      "evaluate.every",
      "evaluate.holdout",
      "evaluate.kl",
      "evaluate.rows",
      "evaluate.splitSeed",
      "evaluate.text",
      "evaluate.trainRows",
      "headCache",
      "init",
      "lora",
      "lora.alpha",
      "lora.dropout",
      "lora.from",
      "lora.merge",
      "lora.rank",
      "lora.targets",
      "maxLength",
      "model",
      "objectives",
      "objectives.*.batch",
      "objectives.*.beta",
      "objectives.*.boundary",
      "objectives.*.data",
      "objectives.*.format",
      "objectives.*.heldout",
      "objectives.*.identicalPairs",
      "objectives.*.kind",
      "objectives.*.labelSmoothing",
      "objectives.*.lengthNormalised",
      "objectives.*.loss",
      "objectives.*.margin",
      "objectives.*.marginScale",
      "objectives.*.nll",
      "objectives.*.reference",
      "objectives.*.template",
      "optima",
      "optima.*.from",
      "optima.*.heldout",
      "optima.*.key",
      "optima.*.train",
      "optimizer",
      "optimizer.betas",
      "optimizer.clip",
      "optimizer.eps",
      "optimizer.lr",
      "optimizer.masters",
      "optimizer.name",
      "optimizer.weightDecay",
      "order",
      "out",
      "policy",
      "policy.backward",
      "policy.every",
      "policy.freshOptimizer",
      "policy.gaps",
      "policy.lambda",
      "policy.name",
      "policy.objective",
      "policy.optima",
      "policy.stages",
      "policy.stages.*.objective",
      "policy.stages.*.steps",
      "policy.weights",
      "recompute",
      "schedule",
      "schedule.minimum",
      "schedule.name",
      "schedule.warmup",
      "seed",
      "steps",
      "threads",
      "tokensPerMicroBatch",
      "truncate",
      "version",
    ]);
  });

  it("describes every key in its JSON Schema", () => {
    const undescribed: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== "object" || node === null) return;
      for (const [key, value] of Object.entries(node)) {
        if (key === "properties") {
          for (const [name, inner] of Object.entries(value as Record<string, { description?: string }>)) {
            if ((inner.description ?? "").length < 10) undescribed.push(`${path}.${name}`);
            visit(inner, `${path}.${name}`);
          }
        } else visit(value, path);
      }
    };
    const schema = configJsonSchema();
    visit(schema, "");
    expect(undescribed).toEqual([]);
    expect(schema.required).toEqual(["model", "objectives", "out"]);
    expect(schema.additionalProperties).toBe(false);
  });
});
