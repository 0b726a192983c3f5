/**
 * What a run will need, told before its first step: memory by part and time per step. The run's own code is carried out
 * on a device that only counts (simulate.ts); then one call of each kind is timed on the real one.
 */
import type { JsonConfig } from "@outright/models";
import { type Device, type KindOfCall, secondsPerWork } from "@outright/tensor";
import type { RunConfig } from "../config/index.js";
import { microBatchTokens } from "../tokens.js";
import { type ObjectiveSample, type Simulation, simulate, type Work } from "./simulate.js";

/** One line of the forecast. */
export interface Part {
  name: string;
  value: number;
}

/** What another setting would change. Positive bytes are saved; positive seconds are lost, per step. */
export interface Saving {
  /** as it is written on the command line */
  setting: string;
  bytes: number;
  seconds: number;
}

export interface Forecast {
  parameters: number;
  memory: {
    /** bytes by part, at the moment when most is in use */
    parts: Part[];
    /** in buffers of the device, without workspace */
    deviceBytes: number;
    /** of the whole process */
    processBytes: number;
  };
  time: {
    /** seconds of a mean step, by part */
    parts: Part[];
    stepSeconds: number;
    /** a step in which this objective alone trains */
    stepSecondsOf: Record<string, number>;
    /** tokens through the model in a mean step */
    tokensPerStep: number;
    /** all steps and evaluations */
    totalSeconds: number;
    /** operations of matrix products in a mean step */
    flopsPerStep: number;
  };
  /** largest first */
  savings: Saving[];
}

export interface ForecastContext {
  config: RunConfig;
  /** of the model's directory */
  modelConfig: JsonConfig;
  objectives: readonly ObjectiveSample[];
  device: Device;
}

/** Buffers are handed out in classes of size and some stay unused: what the process holds beyond them. */
const HELD_BEYOND_LIVE = 0.05;
/** What the engine still allocates once it runs: code, messages, the young heap. */
const ENGINE_BYTES = 24 << 20;

/** Takes some tenths of a second for a small model, a few for a large one; leaves nothing on the device but four bytes on a GPU. */
export function forecastRun(context: ForecastContext): Forecast {
  const { config, modelConfig, objectives, device } = context;
  const planned = Object.fromEntries(objectives.map(({ name, steps }) => [name, steps]));
  const before = device.memory();
  const rss = process.memoryUsage().rss;
  const simulation = simulate(config, modelConfig, objectives, device);
  const others = alternatives(config, device).map(({ setting, changes }) => ({
    setting,
    simulation: simulate({ ...config, ...changes }, modelConfig, objectives, device),
  }));
  const rates = new Rates(device, [simulation, ...others.map((other) => other.simulation)]);
  const workspace = Math.max(device.memory().workspaceBytes, simulation.headWorkspaceBytes);
  device.native.trim();
  device.native.resetPeak();

  const held = simulation.peakBytes * (1 + HELD_BEYOND_LIVE) + workspace;
  const already = before.liveBytes + before.cachedBytes + before.workspaceBytes;
  const processBytes = Math.round(Math.max(0, rss - already) + held + ENGINE_BYTES);
  const { kernelSeconds, ...time } = timeOf(config, simulation, rates, planned);
  return {
    parameters: simulation.parameters,
    memory: {
      parts: memoryParts(simulation, workspace, processBytes),
      deviceBytes: simulation.peakBytes,
      processBytes,
    },
    time,
    savings: others
      .map(({ setting, simulation: other }) => ({
        setting,
        bytes:
          simulation.peakBytes + simulation.headWorkspaceBytes - other.peakBytes - other.headWorkspaceBytes,
        seconds: timeOf(config, other, rates, planned).kernelSeconds - kernelSeconds,
      }))
      .filter(({ bytes }) => bytes > 0.01 * simulation.peakBytes)
      .sort((a, b) => b.bytes - a.bytes),
  };
}

/** Settings that save memory and change no result, or only its rounding. */
function alternatives(config: RunConfig, device: Device): { setting: string; changes: Partial<RunConfig> }[] {
  const tokens = Math.floor(microBatchTokens(config.tokensPerMicroBatch, device) / 2);
  return [
    ...(config.recompute === "none"
      ? [{ setting: "--recompute attention", changes: { recompute: "attention" as const } }]
      : []),
    ...(config.recompute === "block"
      ? []
      : [{ setting: "--recompute block", changes: { recompute: "block" as const } }]),
    ...(config.headCache === 0 ? [] : [{ setting: "--headCache 0", changes: { headCache: 0 } }]),
    ...(config.dtype === "bfloat16"
      ? []
      : [{ setting: "--dtype bfloat16", changes: { dtype: "bfloat16" as const } }]),
    { setting: `--tokensPerMicroBatch ${tokens}`, changes: { tokensPerMicroBatch: tokens } },
  ];
}

/** Seconds of a unit of work of each kind of call, timed once each. */
class Rates {
  readonly #seconds = new Map<string, number>();

  constructor(device: Device, simulations: readonly Simulation[]) {
    const largest = new Map<string, KindOfCall>();
    for (const { train, evaluate, update } of simulations) {
      for (const { calls } of [...Object.values(train), ...Object.values(evaluate), update]) {
        for (const [key, kind] of calls) {
          const known = largest.get(key);
          if (known === undefined || kind.largest > known.largest) largest.set(key, kind);
        }
      }
    }
    for (const [key, kind] of largest) this.#seconds.set(key, secondsPerWork(device, kind));
  }

  of(work: Work | undefined, only: (kernel: string) => boolean = () => true): number {
    let seconds = 0;
    for (const [key, kind] of work?.calls ?? []) {
      if (only(kind.name)) seconds += kind.work * (this.#seconds.get(key) ?? 0);
    }
    return seconds;
  }
}

const KERNEL_PARTS: readonly [string, (kernel: string) => boolean][] = [
  ["attention", (kernel) => kernel.startsWith("attention")],
  ["head", (kernel) => kernel.startsWith("logprobHead")],
  ["linear layers, forward", (kernel) => kernel === "linear" || kernel === "linearGelu"],
  ["linear layers, backward", (kernel) => kernel.startsWith("linearBackward")],
];

function timeOf(
  config: RunConfig,
  simulation: Simulation,
  rates: Rates,
  planned: Readonly<Record<string, number>>,
): Forecast["time"] & { kernelSeconds: number } {
  const { train, evaluate, update } = simulation;
  const share = shares(config, planned);
  const weighted = (of: (work: Work) => number) =>
    Object.entries(train).reduce((sum, [name, work]) => sum + (share[name] ?? 0) * of(work), 0);
  const updateSeconds = rates.of(update) + update.overhead;
  const named = KERNEL_PARTS.map(([name, only]) => ({
    name,
    value: weighted((work) => rates.of(work, only)),
  }));
  const isNamed = (kernel: string) => KERNEL_PARTS.some(([, only]) => only(kernel));
  const probing = probeSeconds(config, train, rates);
  const parts = [
    ...named,
    {
      name: "norms, activations, additions",
      value: weighted((work) => rates.of(work, (kernel) => !isNamed(kernel)) + work.overhead),
    },
    { name: "optimizer", value: updateSeconds },
    ...(probing > 0 ? [{ name: "measuring gaps", value: probing }] : []),
  ];
  const stepSeconds = parts.reduce((sum, { value }) => sum + value, 0);
  const flops = (work: Work) => [...work.calls.values()].reduce((sum, kind) => sum + kind.flops, 0);
  const evaluations = 1 + (config.evaluate.every > 0 ? Math.ceil(config.steps / config.evaluate.every) : 1);
  const evaluation = Object.values(evaluate).reduce((sum, work) => sum + rates.of(work) + work.overhead, 0);
  return {
    parts,
    kernelSeconds: weighted((work) => rates.of(work)),
    stepSeconds,
    stepSecondsOf: Object.fromEntries(
      Object.entries(train).map(([name, work]) => [name, rates.of(work) + work.overhead + updateSeconds]),
    ),
    tokensPerStep: weighted(({ tokens }) => tokens),
    totalSeconds: config.steps * stepSeconds + evaluations * evaluation,
    flopsPerStep: weighted(flops),
  };
}

/** How often an objective takes part in a step, on average; where losses decide, all are taken to be equally often. */
function shares(config: RunConfig, planned: Readonly<Record<string, number>>): Record<string, number> {
  const names = Object.keys(config.objectives);
  const isOpen = config.policy.name === "maxright";
  return Object.fromEntries(
    names.map((name) => [name, isOpen ? 1 / names.length : (planned[name] ?? 0) / config.steps]),
  );
}

/** Forward passes by which a policy measures losses, per step. */
function probeSeconds({ policy }: RunConfig, train: Simulation["train"], rates: Rates): number {
  if (policy.name !== "maxright" || policy.gaps !== "fresh") return 0;
  const isForward = (kernel: string) => !kernel.includes("Backward");
  return Object.values(train).reduce((sum, work) => sum + rates.of(work, isForward), 0) / policy.every;
}

function memoryParts(simulation: Simulation, workspace: number, processBytes: number): Part[] {
  const { weightBytes, masterBytes, momentBytes, peakParts, peakBytes } = simulation;
  const parts: Part[] = [
    { name: "weights", value: weightBytes },
    { name: "float32 masters, beside the weights", value: masterBytes },
    { name: "gradients", value: peakParts.gradients ?? 0 },
    { name: "moments", value: momentBytes },
    { name: "activations kept for the backward pass", value: peakParts.activations ?? 0 },
    { name: "gradients of activations", value: peakParts["gradients of activations"] ?? 0 },
    { name: "head", value: peakParts.head ?? 0 },
  ];
  const known = parts.reduce((sum, { value }) => sum + value, 0);
  parts.push({ name: "ids, spans and tables", value: Math.max(0, peakBytes - known) });
  parts.push({ name: "workspace of the kernels", value: workspace });
  parts.push({
    name: "program, tokenizer and data",
    value: Math.max(0, processBytes - peakBytes - workspace),
  });
  return parts.filter(({ value }) => value >= 0.0005 * processBytes);
}
