/** What one key demands of another; the schema has passed when these run. */
import { lossProblems, usesReference } from "@outright/objectives";
import { suggest } from "./problems.js";
import { sum } from "./resolve.js";
import type { ParsedConfig } from "./schema.js";
import type { ConfigProblem } from "./source.js";

type Policy = NonNullable<ParsedConfig["policy"]>;
type DpoInput = Extract<ParsedConfig["objectives"][string], { kind: "dpo" }>;
type Balanced = Extract<Policy, { lambda?: number | undefined }>;

export function semanticProblems(config: ParsedConfig): ConfigProblem[] {
  const names = Object.keys(config.objectives);
  if (names.length === 0) return [{ path: ["objectives"], message: "empty; give at least one objective" }];
  return [
    ...loraProblems(config),
    ...objectiveProblems(config),
    ...(config.policy === undefined ? missingPolicy(names) : policyProblems(config, config.policy, names)),
    ...stepProblems(config),
    ...textProblems(config),
  ];
}

/** What an adapter is stands in its own config. */
function loraProblems({ lora }: ParsedConfig): ConfigProblem[] {
  if (lora?.from === undefined) return [];
  const given = (["rank", "alpha", "targets"] as const).filter((key) => lora[key] !== undefined);
  return given.map((key) => ({
    path: ["lora", key],
    message: "comes from the adapter that `from` names; leave it out",
  }));
}

function objectiveProblems(config: ParsedConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [name, objective] of Object.entries(config.objectives)) {
    const { format, template } = objective;
    if (objective.kind === "dpo") problems.push(...preferenceProblems(name, objective));
    if (format === "text" && template !== undefined && template !== "plain") {
      const message = `format text has no prompt, only template plain fits; got ${template}`;
      problems.push({ path: ["objectives", name, "template"], message });
    }
  }
  return problems;
}

/** Nothing that a loss does not read may be given with it. */
function preferenceProblems(name: string, given: DpoInput): ConfigProblem[] {
  const path = ["objectives", name];
  const problems: ConfigProblem[] = lossProblems(given).map(({ setting, message }) => ({
    path: [...path, setting],
    message,
  }));
  if (given.reference !== undefined && !usesReference(given.loss)) {
    const message = `loss ${given.loss} compares with no reference; leave it out`;
    problems.push({ path: [...path, "reference"], message });
  }
  return problems;
}

/** Plain text is told beside the objectives, under a name of its own. */
function textProblems({ evaluate, objectives }: ParsedConfig): ConfigProblem[] {
  if (evaluate.text === undefined) return [];
  const path = ["evaluate", "text"];
  if (evaluate.kl === 0)
    return [{ path, message: "nothing is measured on it with kl: 0; set kl above 0, or leave text out" }];
  if (!Object.hasOwn(objectives, "text")) return [];
  return [
    { path, message: "an objective is called text already, which is its name in the metrics; rename that" },
  ];
}

function missingPolicy(names: readonly string[]): ConfigProblem[] {
  if (names.length === 1) return [];
  const message = `missing; with several objectives (${names.join(", ")}) say which trains when, e.g. { name: alright, lambda: 0.5 }`;
  return [{ path: ["policy"], message }];
}

function policyProblems(config: ParsedConfig, policy: Policy, names: readonly string[]): ConfigProblem[] {
  switch (policy.name) {
    case "single":
      return unknownObjective(policy.objective, ["policy", "objective"], names);
    case "sequential":
      return policy.stages.flatMap((stage, index) =>
        unknownObjective(stage.objective, ["policy", "stages", index, "objective"], names),
      );
    case "maxright":
      return [
        ...balanceProblems(config, policy, names),
        ...Object.keys(policy.optima).flatMap((name) =>
          unknownObjective(name, ["policy", "optima", name], names),
        ),
      ];
    default:
      return balanceProblems(config, policy, names);
  }
}

function balanceProblems(config: ParsedConfig, policy: Balanced, names: readonly string[]): ConfigProblem[] {
  const { lambda, weights } = policy;
  if (lambda !== undefined && weights !== undefined) {
    return [{ path: ["policy"], message: "lambda and weights are both given; keep one of them" }];
  }
  if (weights !== undefined) return weightProblems(weights, names);
  const kinds = Object.values(config.objectives).map((objective) => objective.kind);
  const isPair = kinds.length === 2 && kinds.includes("sft") && kinds.includes("dpo");
  if (lambda === undefined) {
    const wanted = isPair
      ? "lambda (weight of the dpo objective, 0 to 1)"
      : `weights, one number for each of ${names.join(", ")}`;
    return [{ path: ["policy"], message: `${policy.name} needs ${wanted}` }];
  }
  if (isPair) return [];
  const found = names.map((name, index) => `${name} (${kinds[index]})`).join(", ");
  const message = `needs exactly one sft and one dpo objective, there are ${found}; give weights, one number for each, instead`;
  return [{ path: ["policy", "lambda"], message }];
}

function weightProblems(weights: Record<string, number>, names: readonly string[]): ConfigProblem[] {
  const path = ["policy", "weights"];
  const problems = Object.keys(weights).flatMap((name) => unknownObjective(name, [...path, name], names));
  for (const name of names) {
    if (!Object.hasOwn(weights, name)) {
      problems.push({
        path: [...path, name],
        message: "missing; give every objective a weight (0 = never trained)",
      });
    }
  }
  if (problems.length === 0 && !(sum(Object.values(weights)) > 0)) {
    problems.push({ path, message: "all are 0; give at least one objective a weight above 0" });
  }
  return problems;
}

function stepProblems(config: ParsedConfig): ConfigProblem[] {
  const { policy, schedule } = config;
  const inStages = policy?.name === "sequential" ? sum(policy.stages.map((stage) => stage.steps)) : undefined;
  const steps = config.steps ?? inStages;
  if (steps === undefined)
    return [{ path: ["steps"], message: "missing; it must be a whole number, 1 or more" }];
  const problems: ConfigProblem[] = [];
  if (inStages !== undefined && inStages !== steps) {
    problems.push({
      path: ["policy", "stages"],
      message: `their steps sum to ${inStages}, but steps is ${steps}`,
    });
  }
  if (config.budget !== undefined && schedule.name !== "constant") {
    const message = `falls over \`steps\`, and a budget ends the run before; leave budget out, or take schedule constant`;
    problems.push({ path: ["schedule", "name"], message });
  }
  if (schedule.warmup > steps) {
    problems.push({
      path: ["schedule", "warmup"],
      message: `must be at most steps (${steps}); got ${schedule.warmup}`,
    });
  }
  return problems;
}

function unknownObjective(
  given: string,
  path: (string | number)[],
  names: readonly string[],
): ConfigProblem[] {
  if (names.includes(given)) return [];
  return [
    {
      path,
      message: `there is no objective ${given}; there are ${names.join(", ")}${suggest(given, names)}`,
    },
  ];
}
