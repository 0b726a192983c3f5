/**
 * Reads a run's directory: `metrics.jsonl` (one event a line), `config.yaml` and `environment.json`.
 *
 * A run may still be going or may have been killed, so the file may lack its end line or stop in the middle of
 * a line, and a resumed run may tell the same step twice (the later telling counts). Numbers that are missing or
 * null (JSON has no NaN) become NaN, which breaks a curve where it stands.
 */
import { readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

export interface Logps {
  chosen: number;
  rejected: number;
}

/** One optimizer step. Losses in nats; NaN where the run did not tell. */
export interface StepRow {
  step: number;
  /** share of each objective in the update, by name; a sole objective has 1 */
  weights: Record<string, number>;
  losses: Record<string, number>;
  seconds: number;
  logps?: Logps;
  margin: number;
}

/** One evaluation on held-out rows, after `step` updates. */
export interface EvalRow {
  step: number;
  losses: Record<string, number>;
  gaps: Record<string, number>;
  idealDistance: number;
  /** mean sequence log-probs of chosen and rejected answers, by preference objective */
  logps: Record<string, Logps>;
  margins: Record<string, number>;
  accuracies: Record<string, number>;
  /** the same losses on a fixed slice of training rows, where the run measures them */
  train?: { losses: Record<string, number>; idealDistance: number };
  /** KL(base ‖ trained) in nats per token, by objective, and on plain text as "text" */
  kl: Record<string, number>;
  klSeconds: number;
}

export interface Run {
  /** unique in the report; the directory's name unless two runs share it */
  name: string;
  dir: string;
  model: string;
  device: string;
  parameters: number;
  /** parameters of adapters, where only these were trained; else NaN */
  trainable: number;
  policy: Record<string, unknown>;
  /** objective names in config order, with their kind ("sft", "dpo") */
  objectives: string[];
  kinds: Record<string, string>;
  /** losses of preference objectives by name, where the run told: "sigmoid", "ipo", … */
  lossNames: Record<string, string>;
  optima: Record<string, number>;
  /** steps the config asks for; NaN where unknown */
  plannedSteps: number;
  steps: StepRow[];
  evals: EvalRow[];
  end?: { step: number; reason: string; seconds: number; stepsPerObjective: Record<string, number> };
  config: string;
  environment: unknown;
  /** what was odd about the files, for people */
  notes: string[];
}

/**
 * @param dir a run's directory
 * @throws Error, one line, where `dir` is no run's directory or its metrics cannot be read
 */
export async function readRun(dir: string): Promise<Run> {
  const path = join(dir, "metrics.jsonl");
  const text = await readFile(path, "utf8").catch(async (cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT" && cause.code !== "ENOTDIR") {
      throw new Error(`${path}: cannot be read (${cause.code ?? cause.message})`);
    }
    const exists = await stat(dir).then(
      (entry) => (entry.isDirectory() ? "directory" : "file"),
      () => "nothing",
    );
    throw new Error(
      exists === "directory"
        ? `${dir}: not a run's directory, it has no metrics.jsonl; give the directory that the config calls "out"`
        : `${dir}: ${exists === "file" ? "is a file, not a run's directory" : "no such run directory"}; give the directory that the config calls "out"`,
    );
  });
  const run: Run = {
    name: basename(resolve(dir)),
    dir,
    model: "",
    device: "",
    parameters: Number.NaN,
    trainable: Number.NaN,
    policy: {},
    objectives: [],
    kinds: {},
    lossNames: {},
    optima: {},
    plannedSteps: Number.NaN,
    steps: [],
    evals: [],
    config: await readFile(join(dir, "config.yaml"), "utf8").catch(() => ""),
    environment: await readFile(join(dir, "environment.json"), "utf8").then(parseOrText, () => undefined),
    notes: [],
  };
  readMetrics(text, run);
  return run;
}

function readMetrics(text: string, run: Run): void {
  const steps = new Map<number, StepRow>();
  const evals = new Map<number, EvalRow>();
  const lines = text.split("\n");
  const unreadable: number[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    let event: Json;
    try {
      event = record(JSON.parse(line));
    } catch {
      // A last line without its newline is one that is being written right now.
      if (i < lines.length - 1) unreadable.push(i + 1);
      else run.notes.push("the last line of metrics.jsonl is incomplete and was left out");
      continue;
    }
    switch (event["type"]) {
      case "start":
        readStart(event, run);
        break;
      case "step":
        readStep(event, steps, run);
        break;
      case "eval":
        readEval(event, evals, run);
        break;
      case "end":
        run.end = {
          step: number(event["step"]),
          reason: String(event["reason"] ?? "finished"),
          seconds: number(event["seconds"]),
          stepsPerObjective: numbers(event["stepsPerObjective"]),
        };
        break;
    }
  }
  if (unreadable.length > 0) {
    const where = unreadable.slice(0, 5).join(", ") + (unreadable.length > 5 ? ", …" : "");
    run.notes.push(`metrics.jsonl has ${unreadable.length} unreadable line(s), left out: line ${where}`);
  }
  run.steps = [...steps.values()].sort((a, b) => a.step - b.step);
  run.evals = [...evals.values()].sort((a, b) => a.step - b.step);
  // A resumed run goes on after the "stopped" line of its first part.
  const last = Math.max(run.steps.at(-1)?.step ?? 0, run.evals.at(-1)?.step ?? 0);
  if (run.end !== undefined && run.end.step < last) delete run.end;
}

function readStart(event: Json, run: Run): void {
  run.model = typeof event["model"] === "string" ? event["model"] : run.model;
  run.device = typeof event["device"] === "string" ? event["device"] : run.device;
  run.parameters = number(event["parameters"]);
  run.trainable = number(event["trainable"]);
  run.policy = record(event["policy"]);
  run.plannedSteps = number(event["steps"]);
  run.optima = numbers(event["optima"]);
  for (const [name, value] of Object.entries(record(event["objectives"]))) {
    const { kind, loss } = record(value);
    addObjective(run, name, String(kind ?? ""));
    if (typeof loss === "string") run.lossNames[name] = loss;
  }
}

function readStep(event: Json, steps: Map<number, StepRow>, run: Run): void {
  const step = number(event["step"]);
  if (!Number.isInteger(step)) return;
  const named = typeof event["objective"] === "string" ? event["objective"].split("+") : [];
  const losses = numbers(event["losses"]);
  if (named.length === 1 && losses[named[0]!] === undefined) losses[named[0]!] = number(event["loss"]);
  let weights = numbers(event["weights"]);
  if (Object.keys(weights).length === 0)
    weights = Object.fromEntries(named.map((n) => [n, 1 / named.length]));
  for (const name of named) addObjective(run, name);
  const rewards = record(event["rewards"]);
  const row: StepRow = {
    step,
    weights,
    losses,
    seconds: number(event["seconds"]),
    margin: number(rewards["margin"]),
  };
  if (event["logps"] != null) row.logps = logps(event["logps"]);
  steps.set(step, row);
}

function readEval(event: Json, evals: Map<number, EvalRow>, run: Run): void {
  const step = number(event["step"]);
  if (!Number.isInteger(step)) return;
  const losses = numbers(event["losses"]);
  for (const name of Object.keys(losses)) addObjective(run, name);
  const gaps = numbers(event["gaps"]);
  const rewards = Object.entries(record(event["rewards"]));
  const train = record(event["train"]);
  evals.set(step, {
    step,
    losses,
    gaps,
    idealDistance: number(event["idealDistance"]),
    logps: Object.fromEntries(
      Object.entries(record(event["logps"])).map(([name, value]) => [name, logps(value)]),
    ),
    margins: Object.fromEntries(rewards.map(([name, value]) => [name, number(record(value)["margin"])])),
    kl: numbers(event["kl"]),
    klSeconds: number(event["klSeconds"]),
    accuracies: Object.fromEntries(rewards.map(([name, value]) => [name, number(record(value)["accuracy"])])),
    ...(event["train"] == null
      ? {}
      : { train: { losses: numbers(train["losses"]), idealDistance: number(train["idealDistance"]) } }),
  });
}

/** Where the start line is missing, an objective's name is the best hint of its kind. */
function addObjective(run: Run, name: string, kind = ""): void {
  if (!run.objectives.includes(name)) run.objectives.push(name);
  if (kind !== "") run.kinds[name] = kind;
  else run.kinds[name] ??= /dpo|pref/i.test(name) ? "dpo" : "sft";
}

type Json = Record<string, unknown>;

const record = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
const number = (value: unknown): number => (typeof value === "number" ? value : Number.NaN);
const numbers = (value: unknown): Record<string, number> =>
  Object.fromEntries(Object.entries(record(value)).map(([key, entry]) => [key, number(entry)]));
const logps = (value: unknown): Logps => ({
  chosen: number(record(value)["chosen"]),
  rejected: number(record(value)["rejected"]),
});

function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Gives every run a name of its own: as many trailing parts of its path as it takes, then a number. */
export function nameRuns(runs: Run[]): void {
  const parts = runs.map((run) => resolve(run.dir).split(/[\\/]/).filter(Boolean));
  const tail = (i: number, depth: number): string => parts[i]!.slice(-depth).join("/");
  const longest = Math.max(...parts.map((p) => p.length));
  for (let depth = 1; depth <= longest; depth++) {
    for (const i of runs.keys()) runs[i]!.name = tail(i, depth) || "run";
    if (new Set(runs.map((run) => run.name)).size === runs.length) return;
  }
  const seen = new Map<string, number>();
  for (const run of runs) {
    const times = (seen.get(run.name) ?? 0) + 1;
    seen.set(run.name, times);
    if (times > 1) run.name += ` (${times})`;
  }
}
