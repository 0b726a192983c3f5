/**
 * A policy and its plain twin: the same model and rows, trained in the very steps that the policy chose, but without a
 * policy that looks at anything. What the policy's steps cost beyond the twin's is its overhead at equal tokens.
 */
import { counterRandom, ExampleStream, type Examples } from "@outright/data";
import type { JsonConfig } from "@outright/models";
import { createModel, type LanguageModel } from "@outright/models";
import { completeLoss } from "@outright/objectives";
import { createPolicy, type Decision, type Policy, type PolicyConfig } from "@outright/policies";
import type { Device } from "@outright/tensor";
import {
  AdamW,
  DpoObjective,
  type Objective,
  type ObjectiveData,
  ReferenceCache,
  SftObjective,
  type StepSettings,
  type Trained,
  trainStep,
} from "@outright/trainer";
import type { Rows } from "./rows.js";
import { pairLogprobs } from "./step-engine.js";

export interface PairSettings {
  device: Device;
  shape: JsonConfig;
  rows: Rows;
  batch: number;
  steps: number;
}

export interface PairStep {
  /** of the policy's step, and of its twin's */
  seconds: number;
  twinSeconds: number;
  /** extra forward passes that the policy asked for */
  probes: number;
}

/** Decides what it is told to. */
class Replay implements Policy {
  readonly name = "replay";
  readonly objectives = ["sft", "dpo"];
  next: Decision = { weights: {} };
  probes(): readonly string[] {
    return [];
  }
  decide(): Decision {
    return this.next;
  }
  observe(): void {}
  state() {
    return {};
  }
  restore(): void {}
}

export class OverheadPair {
  readonly #settings: StepSettings;
  readonly #trained: Trained;
  readonly #twin: Trained;
  readonly #replay = new Replay();

  constructor(settings: PairSettings, policy: PolicyConfig) {
    const { steps } = settings;
    this.#settings = {
      steps,
      seed: 1,
      tokensPerMicroBatch: 2048,
      schedule: { name: "constant", warmup: 0, minimum: 0 },
      optimizer: { name: "adamw", lr: 1e-5, betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0, clip: 1 },
    };
    const [trained, twin] = [this.#open(settings), this.#open(settings)];
    const config = policy.name === "maxright" ? { ...policy, optima: balanced(trained) } : policy;
    this.#trained = { ...trained, policy: createPolicy(config, context(steps)) };
    this.#twin = { ...twin, policy: this.#replay };
  }

  /** One step of the policy and one of its twin; which comes first alternates. @param step 1-based */
  step(step: number): PairStep {
    const probes = this.#trained.policy.probes(step).length;
    let seconds = 0;
    let twinSeconds = 0;
    // What the policy will choose is only known once it has: its step comes first, unless it can be asked in advance.
    if (probes === 0 && step % 2 === 0) {
      const { weights } = this.#trained.policy.decide(step, {});
      twinSeconds = this.#twinStep(
        step,
        Object.keys(weights).filter((name) => (weights[name] ?? 0) > 0),
      );
      seconds = trainStep(this.#trained, this.#settings, step).seconds;
    } else {
      const event = trainStep(this.#trained, this.#settings, step);
      seconds = event.seconds;
      twinSeconds = this.#twinStep(step, Object.keys(event.weights));
    }
    return { seconds, twinSeconds, probes };
  }

  /** Sequential trains one objective a step: where the policy trained two at once, the twin takes two steps. */
  #twinStep(step: number, names: readonly string[]): number {
    let seconds = 0;
    for (const name of names) {
      this.#replay.next = { weights: { [name]: 1 } };
      seconds += trainStep(this.#twin, this.#settings, step).seconds;
    }
    return seconds;
  }

  /** Weights of both, to see that they stay the same bits where they should. */
  models(): [LanguageModel, LanguageModel] {
    return [this.#trained.model, this.#twin.model];
  }

  close(): void {
    for (const { optimizer, model } of [this.#trained, this.#twin]) {
      optimizer.dispose();
      model.dispose();
    }
  }

  #open({ device, shape, rows, batch }: PairSettings): Omit<Trained, "policy"> {
    const model = createModel(device, shape, { random: (stream) => counterRandom(7, stream) });
    const references = new ReferenceCache("", "bench" as never, rows.dpo.length);
    pairLogprobs(model, rows.dpo).forEach((value, i) => {
      (i % 2 === 0 ? references.chosen : references.rejected)[i >> 1] = value;
    });
    const stream = (name: string, count: number) =>
      new ExampleStream(count, { seed: 1, name, order: "file" });
    const sft = {
      kind: "sft",
      data: "",
      format: "alpaca",
      template: "alpaca",
      boundary: "separate",
    } as const;
    const dpo = { kind: "dpo", data: "", format: "hh", template: "plain", boundary: "separate" } as const;
    const objectives: Objective[] = [
      new SftObjective(
        "sft",
        { ...sft, batch, loss: "token-mean" },
        objectiveData(rows.sft),
        stream("sft", rows.sft.length),
      ),
      new DpoObjective(
        "dpo",
        { ...dpo, batch, ...completeLoss({ beta: 0.1 }), reference: "initial", identicalPairs: "keep" },
        objectiveData(rows.dpo),
        stream("dpo", rows.dpo.length),
        { train: references, held: references },
      ),
    ];
    return {
      model,
      identity: "",
      objectives,
      optimizer: new AdamW(model.parameters, this.#settings.optimizer),
    };
  }
}

/** Rows in memory; of a file's examples an objective asks for nothing but each row's. */
function objectiveData<Example>(examples: readonly Example[]): ObjectiveData<Example> {
  const train = { rows: examples.length, example: (row: number) => examples[row] } as Examples<Example>;
  return {
    train,
    held: train,
    trainIndices: Uint32Array.from({ length: examples.length }, (_, i) => i),
    heldIndices: new Uint32Array(0),
    sliceIndices: new Uint32Array(0),
  };
}

const context = (steps: number) => ({
  objectives: [
    { name: "sft", kind: "sft" },
    { name: "dpo", kind: "dpo" },
  ],
  steps,
  uniform: counterRandom(1, "policy"),
});

/** Optima with which both gaps start alike, so that both objectives get their turns. */
function balanced({ model, objectives }: Omit<Trained, "policy">): Record<string, number> {
  const gap = 0.5;
  const loss = (objective: Objective) =>
    objective.nextBatch(model, { weight: 1, train: false, tokensPerMicroBatch: 2048 }).loss;
  return Object.fromEntries(objectives.map((objective) => [objective.name, loss(objective) - gap]));
}
