import { ConfigError, loadConfig, parseConfig } from "@outright/trainer";
import { describe, expect, it } from "vitest";

/** A config with two objectives; the cases replace or add lines. */
const HEAD = "model: m\nout: o\n";
const SFT = "objectives: { sft: { kind: sft, data: a.jsonl, format: alpaca } }\n";
const BOTH = [
  "objectives:",
  "  sft: { kind: sft, data: a.jsonl, format: alpaca }",
  "  dpo: { kind: dpo, data: b.jsonl, format: hh }",
  "",
].join("\n");

function linesOf(text: string, overrides: Record<string, string> = {}): string[] {
  try {
    parseConfig(text, { path: "run.yaml", checkFiles: false, overrides });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split("\n");
  }
  return [];
}

const single: [name: string, text: string, line: string][] = [
  [
    "unknown key of an objective",
    `${HEAD}steps: 1\nobjectives:\n  sft:\n    kind: sft\n    data: a\n    format: alpaca\n    bach: 8\n`,
    "run.yaml:9: objectives.sft.bach: unknown key; did you mean batch?",
  ],
  [
    "key of another place",
    `${HEAD}${SFT}steps: 1\nlr: 1\n`,
    "run.yaml:5: lr: unknown key; did you mean optimizer.lr?",
  ],
  [
    "another trainer's spelling",
    `${HEAD}${SFT}steps: 1\nlearning_rate: 1\n`,
    "run.yaml:5: learning_rate: unknown key; did you mean optimizer.lr?",
  ],
  [
    "another spelling of a key here",
    `${HEAD}${SFT}steps: 1\nmax_length: 9\n`,
    "run.yaml:5: max_length: unknown key; did you mean maxLength?",
  ],
  [
    "unknown key with nothing near",
    `${HEAD}${SFT}steps: 1\nschedule: { zebra: 1 }\n`,
    "run.yaml:5: schedule.zebra: unknown key; there are name, warmup, minimum",
  ],
  [
    "key of another policy",
    `${HEAD}${BOTH}steps: 1\npolicy: { name: mix, lambda: 0.5, every: 3 }\n`,
    "run.yaml:7: policy.every: not a key of mix; there are name, lambda, weights, backward",
  ],
  [
    "key of the other kind",
    `${HEAD}steps: 1\nobjectives: { sft: { kind: sft, data: a, format: alpaca, beta: 0.1 } }\n`,
    "run.yaml:4: objectives.sft.beta: not a key of sft; there are kind, data, heldout, format, template, boundary, batch, loss",
  ],
  [
    "missing text",
    `model: m\n${SFT}steps: 1\n`,
    "run.yaml: out: missing; give the run's directory: metrics, checkpoints, the final model, the report",
  ],
  ["missing number", `${HEAD}${SFT}`, "run.yaml: steps: missing; it must be a whole number, 1 or more"],
  [
    "wrong type",
    `${HEAD}${SFT}steps: ten\n`,
    'run.yaml:4: steps: must be a whole number, 1 or more; got "ten"',
  ],
  ["fraction", `${HEAD}${SFT}steps: 1.5\n`, "run.yaml:4: steps: must be a whole number, 1 or more; got 1.5"],
  [
    "underscored number",
    `${HEAD}${SFT}steps: 1_000\n`,
    'run.yaml:4: steps: must be a whole number, 1 or more; got "1_000"',
  ],
  [
    "not a number",
    `${HEAD}${SFT}steps: 1\noptimizer: { lr: .nan }\n`,
    "run.yaml:5: optimizer.lr: must be a number, above 0; got NaN",
  ],
  [
    "wrong choice",
    `${HEAD}${SFT}steps: 1\ntruncate: eror\n`,
    'run.yaml:5: truncate: must be one of error, drop, prompt-left, response-right; got "eror"; did you mean error?',
  ],
  [
    "wrong kind",
    `${HEAD}steps: 1\nobjectives: { a: { kind: rl } }\n`,
    'run.yaml:4: objectives.a.kind: must be one of sft, dpo; got "rl"',
  ],
  [
    "format of the other kind",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: alpaca } }\n`,
    'run.yaml:4: objectives.a.format: must be one of pairs, hh; got "alpaca"',
  ],
  [
    "beta of 0",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, beta: 0 } }\n`,
    "run.yaml:4: objectives.a.beta: must be a number, above 0; got 0",
  ],
  [
    "list with wrong items",
    `${HEAD}${SFT}steps: 1\noptimizer:\n  betas: [0.9, 1.2]\n`,
    "run.yaml:6: optimizer.betas: must be a list of 2, each a number, 0 or more and below 1; got [0.9,1.2]",
  ],
  [
    "list that is too long",
    `${HEAD}${SFT}steps: 1\noptimizer:\n  betas: [0.9, 0.9, 0.9]\n`,
    "run.yaml:6: optimizer.betas: must be a list of 2, each a number, 0 or more and below 1; got [0.9,0.9,0.9]",
  ],
  [
    "auto or number",
    `${HEAD}${SFT}steps: 1\ntokensPerMicroBatch: all\n`,
    'run.yaml:5: tokensPerMicroBatch: must be auto or a whole number, 1 or more; got "all"',
  ],
  [
    "device",
    `${HEAD}${SFT}steps: 1\ndevice: gpu\n`,
    'run.yaml:5: device: must be auto, cpu, cuda or cuda:N; got "gpu"',
  ],
  [
    "emptied section",
    `${HEAD}${SFT}steps: 1\nevaluate:\n`,
    "run.yaml:5: evaluate: must be a mapping of keys to values; got nothing",
  ],
  ["version", `${HEAD}${SFT}steps: 1\nversion: 2\n`, "run.yaml:5: version: must be 1; got 2"],
  [
    "objective's name",
    `${HEAD}steps: 1\nobjectives: { a+b: { kind: sft, data: d, format: text } }\n`,
    "run.yaml:4: objectives.a+b: a name starts with a letter and goes on with letters, digits, _ and -",
  ],
  [
    "no objective",
    `${HEAD}steps: 1\nobjectives: {}\n`,
    "run.yaml:4: objectives: empty; give at least one objective",
  ],
  [
    "LoRA of rank 0",
    `${HEAD}${SFT}steps: 1\nlora: { rank: 0 }\n`,
    "run.yaml:5: lora.rank: must be a whole number, 1 or more; got 0",
  ],
  [
    "LoRA with peft's spelling",
    `${HEAD}${SFT}steps: 1\nlora: { target_modules: [dense] }\n`,
    "run.yaml:5: lora.target_modules: unknown key; there are rank, alpha, dropout, targets, from, merge",
  ],
  [
    "LoRA that drops everything",
    `${HEAD}${SFT}steps: 1\nlora: { dropout: 1 }\n`,
    "run.yaml:5: lora.dropout: must be a number, 0 or more and below 1; got 1",
  ],
  [
    "LoRA without targets",
    `${HEAD}${SFT}steps: 1\nlora: { targets: [] }\n`,
    "run.yaml:5: lora.targets: must be a text or a list that is not empty; got []",
  ],
  [
    "LoRA scaled by nothing",
    `${HEAD}${SFT}steps: 1\nlora: { alpha: 0 }\n`,
    "run.yaml:5: lora.alpha: must be a number, above 0; got 0",
  ],
  [
    "LoRA that goes on with another rank",
    `${HEAD}${SFT}steps: 1\nlora: { from: a, rank: 4 }\n`,
    "run.yaml:5: lora.rank: comes from the adapter that `from` names; leave it out",
  ],
  [
    "float16",
    `${HEAD}${SFT}steps: 1\ndtype: float16\n`,
    "run.yaml:5: dtype: float16 is not available; use bfloat16 or float32",
  ],
  [
    "unknown preference loss",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, loss: kto } }\n`,
    'run.yaml:4: objectives.a.loss: must be one of sigmoid, ipo, hinge, robust, mmpo, simpo, orpo; got "kto"',
  ],
  [
    "setting of another loss",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, loss: ipo, margin: 1 } }\n`,
    "run.yaml:4: objectives.a.margin: loss ipo has no such setting, it belongs to simpo; leave it out",
  ],
  [
    "setting of another loss than the default one",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, marginScale: 1 } }\n`,
    "run.yaml:4: objectives.a.marginScale: loss sigmoid has no such setting, it belongs to mmpo; leave it out",
  ],
  [
    "smoothing of a loss that has none",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, loss: mmpo, labelSmoothing: 0.1 } }\n`,
    "run.yaml:4: objectives.a.labelSmoothing: loss mmpo has no such setting, it belongs to sigmoid, robust; leave it out",
  ],
  [
    "normalisation of a loss that always does so",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, loss: simpo, lengthNormalised: true } }\n`,
    "run.yaml:4: objectives.a.lengthNormalised: loss simpo has no such setting, it belongs to sigmoid, ipo, hinge, robust, mmpo; leave it out",
  ],
  [
    "reference of a loss without one",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, loss: orpo, reference: initial } }\n`,
    "run.yaml:4: objectives.a.reference: loss orpo compares with no reference; leave it out",
  ],
  [
    "robust without its share",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, loss: robust } }\n`,
    "run.yaml:4: objectives.a.labelSmoothing: missing; loss robust needs the share of pairs that are the wrong way round, 0 or more and below 0.5",
  ],
  [
    "smoothing of a half",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, labelSmoothing: 0.5 } }\n`,
    "run.yaml:4: objectives.a.labelSmoothing: must be a number, 0 or more and below 0.5; got 0.5",
  ],
  [
    "negative weight of the NLL term",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, nll: -1 } }\n`,
    "run.yaml:4: objectives.a.nll: must be a number, 0 or more; got -1",
  ],
  [
    "TRL's spelling of SimPO's margin",
    `${HEAD}steps: 1\nobjectives: { a: { kind: dpo, data: d, format: hh, loss: simpo, simpo_gamma: 1 } }\n`,
    "run.yaml:4: objectives.a.simpo_gamma: unknown key; did you mean margin?",
  ],
  [
    "paperCompatible",
    `${HEAD}${SFT}steps: 1\npaperCompatible: true\n`,
    "run.yaml:5: paperCompatible: not available yet; leave it out, and give objectives `template: paper` for the authors' prompts",
  ],
  [
    "several objectives and no policy",
    `${HEAD}${BOTH}steps: 1\n`,
    "run.yaml: policy: missing; with several objectives (sft, dpo) say which trains when, e.g. { name: alright, lambda: 0.5 }",
  ],
  [
    "neither lambda nor weights",
    `${HEAD}${BOTH}steps: 1\npolicy: { name: alright }\n`,
    "run.yaml:7: policy: alright needs lambda (weight of the dpo objective, 0 to 1)",
  ],
  [
    "lambda and weights",
    `${HEAD}${BOTH}steps: 1\npolicy: { name: mix, lambda: 0.5, weights: { sft: 1, dpo: 1 } }\n`,
    "run.yaml:7: policy: lambda and weights are both given; keep one of them",
  ],
  [
    "lambda outside",
    `${HEAD}${BOTH}steps: 1\npolicy: { name: mix, lambda: 1.5 }\n`,
    "run.yaml:7: policy.lambda: must be a number from 0 to 1; got 1.5",
  ],
  [
    "lambda with one kind",
    `${HEAD}${SFT}steps: 1\npolicy: { name: mix, lambda: 0.5 }\n`,
    "run.yaml:5: policy.lambda: needs exactly one sft and one dpo objective, there are sft (sft); give weights, one number for each, instead",
  ],
  [
    "weights that leave one out",
    `${HEAD}${BOTH}steps: 1\npolicy: { name: mix, weights: { sft: 1 } }\n`,
    "run.yaml:7: policy.weights.dpo: missing; give every objective a weight (0 = never trained)",
  ],
  [
    "weights of 0",
    `${HEAD}${BOTH}steps: 1\npolicy: { name: mix, weights: { sft: 0, dpo: 0 } }\n`,
    "run.yaml:7: policy.weights: all are 0; give at least one objective a weight above 0",
  ],
  [
    "policy's objective",
    `${HEAD}${BOTH}steps: 1\npolicy: { name: single, objective: sfd }\n`,
    "run.yaml:7: policy.objective: there is no objective sfd; there are sft, dpo; did you mean sft?",
  ],
  [
    "optima's objective",
    `${HEAD}${BOTH}steps: 1\npolicy: { name: maxright, lambda: 0.5, optima: { rl: 1 } }\n`,
    "run.yaml:7: policy.optima.rl: there is no objective rl; there are sft, dpo",
  ],
  [
    "stages that do not sum to steps",
    `${HEAD}${BOTH}steps: 5\npolicy:\n  name: sequential\n  stages:\n    - { objective: dpo, steps: 3 }\n    - { objective: sft, steps: 3 }\n`,
    "run.yaml:9: policy.stages: their steps sum to 6, but steps is 5",
  ],
  [
    "warm-up longer than the run",
    `${HEAD}${SFT}steps: 5\nschedule:\n  warmup: 6\n`,
    "run.yaml:6: schedule.warmup: must be at most steps (5); got 6",
  ],
  [
    "template for text",
    `${HEAD}steps: 1\nobjectives: { a: { kind: sft, data: d, format: text, template: chat } }\n`,
    "run.yaml:4: objectives.a.template: format text has no prompt, only template plain fits; got chat",
  ],
  [
    "broken YAML",
    `${HEAD}steps: [1\n`,
    "run.yaml:4: Flow sequence in block collection must be sufficiently indented and end with a ]",
  ],
  ["key given twice", `${HEAD}${SFT}steps: 1\nsteps: 2\n`, "run.yaml:5: Map keys must be unique"],
  ["empty file", "", "run.yaml: the config is empty; `outright init` writes one to start from"],
  ["only comments", "# nothing\n", "run.yaml: the config is empty; `outright init` writes one to start from"],
  ["a list", "- 1\n", "run.yaml: the config must be a mapping of keys to values"],
];

describe("config errors", () => {
  it.each(single)("%s", (_, text, line) => {
    expect(linesOf(text)).toEqual([line]);
  });

  it("names all problems at once, in the order of the file", () => {
    const text = `version: 1\nmodel: 3\ntypo: 1\nobjectives:\n  sft: { kind: sft, data: d, format: x, batch: 0 }\nseed: -1\ndtype: float16\n`;
    const lines = linesOf(text);
    const starts = [
      "run.yaml:2: model: ",
      "run.yaml:3: typo: ",
      "run.yaml:5: objectives.sft.format: ",
      "run.yaml:5: objectives.sft.batch: ",
      "run.yaml:6: seed: ",
      "run.yaml:7: dtype: ",
      "run.yaml: out: ",
    ];
    expect(lines).toHaveLength(starts.length);
    for (const [index, start] of starts.entries()) expect(lines[index]).toContain(start);
  });

  it("names an override instead of a line", () => {
    expect(linesOf(`${HEAD}${SFT}steps: 1\n`, { "objectives.sft.bach": "8" })).toEqual([
      "--objectives.sft.bach: unknown key; did you mean batch?",
    ]);
    expect(linesOf(`${HEAD}${SFT}steps: 1\n`, { steps: "many" })).toEqual([
      '--steps: must be a whole number, 1 or more; got "many"',
    ]);
    expect(linesOf(`${HEAD}${SFT}steps: 1\n`, { "steps.x": "1" })).toEqual([
      "--steps.x: steps is 1 in the config, it has no keys",
    ]);
  });

  it("says so where a file is missing, with the whole path", () => {
    expect(() => loadConfig("no-such.yaml")).toThrow(
      "no-such.yaml: no such config file; `outright init` writes one to start from",
    );
    const text = `model: owner/name\nout: o\nsteps: 1\n${SFT}`;
    const folder = process.cwd();
    expect(() => parseConfig(text)).toThrow(
      `model: no such directory: ${folder}/owner/name; model ids of a hub are not available yet, give a local Hugging Face directory\n` +
        `objectives.sft.data: no such file: ${folder}/a.jsonl`,
    );
  });

  it("does not let a key reach the prototype", () => {
    expect(linesOf(`${HEAD}${SFT}steps: 1\n`, { "__proto__.polluted": "1" })).toEqual([
      "--__proto__.polluted: no such key",
    ]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(linesOf(`${HEAD}${SFT}steps: 1\n`, { "constructor.polluted": "1" })).toHaveLength(1);
  });
});
