/** From a sweep's YAML to a checked config, with the run config that its runs share. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type ConfigProblem, ConfigSource, loadConfig, problemsOf, type RunConfig } from "@outright/trainer";
import { type METHODS, type ParsedSweep, sweepJsonSchema, sweepSchema } from "./schema.js";

export interface MethodConfig {
  name: (typeof METHODS)[number];
  lambdas: number[];
  seeds: number[];
  /** of maxright, else empty */
  every: number[];
}

export interface SweepConfig {
  version: 1;
  methods: MethodConfig[];
  budget: { steps: number } | { tokens: number } | { seconds: number };
  /** "measure", the absolute path of an optima.json, or f* by objective */
  optima: string | Record<string, number>;
  baseline?: string;
  keep: "models" | "nothing";
  jobs: number;
  /** absolute */
  out: string;
  /** what all runs share; policy, steps, seed and out are replaced in each */
  base: RunConfig;
  /** the one supervised and the one preference objective */
  sft: string;
  dpo: string;
}

export interface SweepOptions {
  /** dotted keys of the sweep config, as on a command line */
  overrides?: Readonly<Record<string, string>>;
}

/** @throws ConfigError or Error of one line for each problem: file, line, key, what is allowed */
export function loadSweep(path: string, { overrides = {} }: SweepOptions = {}): SweepConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new Error(`${path}: no such sweep config`);
    throw new Error(`${path}: ${code === "EISDIR" ? "is a directory; give the config file in it" : message}`);
  }
  const source = new ConfigSource(text, path);
  source.override(overrides);
  const parsed = sweepSchema.safeParse(source.value);
  if (!parsed.success)
    throw source.error(problemsOf(parsed.error.issues, source.value, sweepJsonSchema() as never));
  const folder = dirname(resolve(path));
  const baseOf = (key: string) => (source.isOverridden([key]) ? process.cwd() : folder);
  const given = parsed.data;
  const base = loadBase(resolve(baseOf("run"), given.run), given);
  const config = resolveSweep(given, base, baseOf);
  const problems = sweepProblems(given, config);
  if (problems.length > 0) throw source.error(problems);
  return config;
}

/** The run config; a policy and an `out` of its own it need not have. */
function loadBase(path: string, { set }: ParsedSweep): RunConfig {
  const overrides = Object.fromEntries(
    Object.entries(set).map(([key, value]) => [key, JSON.stringify(value)]),
  );
  return loadConfig(path, { overrides });
}

function resolveSweep(given: ParsedSweep, base: RunConfig, baseOf: (key: string) => string): SweepConfig {
  const named = (kind: "sft" | "dpo") =>
    Object.entries(base.objectives).find(([, objective]) => objective.kind === kind)?.[0] ?? "";
  const { optima, baseline } = given;
  const isPath = typeof optima === "string" && optima !== "measure";
  return {
    version: 1,
    methods: given.methods.map((method) => {
      const own = typeof method === "string" ? { name: method } : method;
      return {
        name: own.name,
        lambdas: [...new Set(own.lambdas ?? given.lambdas)],
        seeds: [...new Set(own.seeds ?? given.seeds)],
        every: own.name === "maxright" ? [...new Set(own.every ?? given.every)] : [],
      };
    }),
    budget: given.budget ?? { steps: base.steps },
    optima: isPath ? resolve(baseOf("optima"), optima) : optima,
    ...(baseline === undefined ? {} : { baseline }),
    keep: given.keep,
    jobs: given.jobs,
    out: resolve(baseOf("out"), given.out),
    base,
    sft: named("sft"),
    dpo: named("dpo"),
  };
}

function sweepProblems(given: ParsedSweep, { base, budget, methods }: SweepConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const kinds = Object.values(base.objectives).map(({ kind }) => kind);
  const add = (key: string, message: string) => problems.push({ path: [key], message });
  if (kinds.length !== 2 || !kinds.includes("sft") || !kinds.includes("dpo"))
    add("run", `a sweep compares one sft and one dpo objective; this config has ${kinds.join(", ")}`);
  if (base.init === "random")
    add("run", "init: random gives every seed another model to start from; train one and give its model/");
  if (base.lora !== undefined && "from" in base.lora)
    add(
      "run",
      "lora.from is not for sweeps; merge that adapter with `outright export` and give the result as model",
    );
  if (base.lora?.merge === false && methods.some(({ name }) => name === "average"))
    add("methods", "average needs the merged weights of the runs; leave lora.merge false out");
  if (!("steps" in budget) && base.schedule.name !== "constant")
    add(
      "budget",
      `the schedule ${base.schedule.name} falls over a number of steps; give steps, or take schedule constant`,
    );
  if (evaluatesNothing(base))
    add(
      "run",
      "nothing is held out: give evaluate.holdout or heldout files, or there is nothing to compare by",
    );
  const extra = methods.findIndex(
    ({ name }, i) =>
      typeof given.methods[i] === "object" &&
      name !== "maxright" &&
      (given.methods[i] as { every?: unknown }).every !== undefined,
  );
  if (extra >= 0)
    problems.push({
      path: ["methods", extra, "every"],
      message: `only maxright has a K; leave it out of ${methods[extra]?.name}`,
    });
  return problems;
}

const evaluatesNothing = ({ objectives, evaluate }: RunConfig) =>
  evaluate.holdout === 0 && Object.values(objectives).some(({ heldout }) => heldout === undefined);
