/** The training loop, from a config to a finished run directory. Reads from top to bottom. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  MetricsFile,
  RunDirectory,
  saveModelDirectory,
  tokenizerDirectory,
  writeFileAtomic,
} from "@outright/checkpoint";
import { loadTokenizer, type Tokenizer } from "@outright/data";
import { type JsonConfig, type LanguageModel, trainableParameters } from "@outright/models";
import type { Device, Parameter } from "@outright/tensor";
import {
  type LoraConfig,
  parseConfig,
  type RunConfig,
  resultKeysThatDiffer,
  stringifyConfig,
} from "./config/index.js";
import { environment } from "./environment.js";
import { evaluateObjectives } from "./evaluate.js";
import type { EvalEvent, MetricsLine, StepEvent, TrainEvent } from "./events.js";
import {
  type Forecast,
  forecastLine,
  forecastRun,
  type Measured,
  measuredLine,
  sampleOf,
  withSavings,
} from "./forecast/index.js";
import { type KlMeter, openKlMeter } from "./forgetting/index.js";
import { loadModel, modelIdentity } from "./load-model.js";
import { saveAdapter, startLora } from "./lora.js";
import type { Objective } from "./objective.js";
import { openDevice } from "./open-device.js";
import { knownOptima, objectiveKey, otherOptima } from "./optima.js";
import { AdamW } from "./optimizer.js";
import { runPolicy } from "./policy-plan.js";
import { prepareObjectives } from "./prepare-objectives.js";
import { type Counters, modelTensors, noCounters, restoreRun, saveRun, type Trained } from "./run-state.js";
import { trainStep } from "./step.js";
import { Tokenising } from "./tokenising.js";
import { microBatchTokens } from "./tokens.js";

export interface TrainOptions {
  /** go on with the run in `config.out`; where there is none, start it */
  resume?: boolean;
  onEvent?: (event: TrainEvent) => void;
  /** asked between steps; true saves a checkpoint and leaves */
  shouldStop?: () => boolean;
}

export interface TrainResult {
  out: string;
  reason: "finished" | "stopped";
  step: number;
  /** last held-out losses; of objectives without held-out rows, the last training loss */
  losses: Record<string, number>;
  seconds: number;
}

/** Thrown from within when the run is to stop before its first step. */
class Stopped extends Error {}

/**
 * Trains as the config says, in the calling thread. Two runs of the same config give the same bits, and so does a run
 * that was interrupted at any moment and resumed.
 * @throws one-line errors for everything a person can mend
 */
export async function train(config: RunConfig, options: TrainOptions = {}): Promise<TrainResult> {
  const device = openDevice(config);
  const directory = RunDirectory.open(config.out, { resume: options.resume ?? false });
  const run = new Run(config, options, device, directory);
  try {
    return await run.go();
  } catch (error) {
    throw withSavings(error, run.forecast);
  } finally {
    directory.close();
    device.close();
  }
}

class Run {
  readonly #config: RunConfig;
  readonly #options: TrainOptions;
  readonly #device: Device;
  readonly #directory: RunDirectory;
  readonly #tokens: number;
  readonly #tokenising: Tokenising;
  /** steps of this session, without the first one, which warms up */
  readonly #timed = { steps: -1, seconds: 0 };
  /** divergence from the weights the run starts with; null where it is not measured */
  #kl: KlMeter | null = null;
  /** what the run will need, once it is known */
  forecast: Forecast | null = null;

  constructor(config: RunConfig, options: TrainOptions, device: Device, directory: RunDirectory) {
    this.#config = config;
    this.#options = options;
    this.#device = device;
    this.#directory = directory;
    this.#tokens = microBatchTokens(config.tokensPerMicroBatch, device);
    this.#tokenising = new Tokenising({
      progress: (event) => this.#emit(event),
      notice: (message) => this.#notice("warning", message),
      checkStop: () => {
        if (this.#options.shouldStop?.() === true) throw new Stopped();
      },
    });
  }

  async go(): Promise<TrainResult> {
    const config = this.#config;
    this.#refuseOtherConfig();
    this.#notice(
      "info",
      `device: ${this.#device.info.hardware}; ${this.#device.info.matmul}; ${this.#device.info.threads} threads`,
    );
    const tokenizer = await loadTokenizer(tokenizerDirectory(config.model));
    const { model, directory, chain } = loadModel(this.#device, config.model, config.init, config.seed, {
      dtype: config.dtype,
      trainable: config.lora === undefined,
      master: config.lora === undefined && (config.optimizer.masters ?? true),
    });
    model.recompute = config.recompute;
    try {
      this.#checkModel(tokenizer, model);
      const identity = modelIdentity(config.model, config.init, config.seed);
      if (config.lora !== undefined) this.#startLora(config.lora, model, identity);
      const objectives = await prepareObjectives({
        config,
        device: this.#device,
        tokenizer,
        model,
        identity,
        tokenising: this.#tokenising,
        warn: (message) => this.#notice("warning", message),
        tell: (event) => {
          this.#emit(event);
          if (this.#options.shouldStop?.() === true) throw new Stopped();
        },
        progress: async (event) => {
          this.#emit(event);
          if (await this.#shouldStop()) throw new Stopped();
        },
      });
      writeFileAtomic(this.#directory.paths.config, stringifyConfig(config));
      writeFileAtomic(
        this.#directory.paths.environment,
        `${JSON.stringify(environment(this.#device, chain, identity), null, 2)}\n`,
      );
      for (const line of otherOptima(objectives, tokenizer, config)) this.#notice("warning", line);
      this.#foresee(objectives, directory.config);
      const text = await this.#openKlMeter(model, objectives, tokenizer);
      const trained: Trained = {
        model,
        identity,
        objectives,
        optimizer: new AdamW(trainableParameters(model), config.optimizer, config.seed),
        policy: runPolicy(config),
        text,
      };
      if (config.policy.name === "mix") trained.optimizer.keepGradients();
      const result = await this.#loop(trained, tokenizer);
      // the model comes last: where it is, the run is finished
      if (result.reason === "finished" && model.lora !== null)
        saveAdapter(this.#directory.paths.adapter, model, chain);
      if (result.reason === "finished" && (config.lora?.merge ?? true)) {
        saveModelDirectory(this.#directory.paths.model, {
          config: { ...directory.config, ...savedDtype(directory.config, config.dtype) },
          tensors: modelTensors(model),
          copyFrom: chain.base,
          tokenizerFrom: chain.tokenizer,
        });
      }
      trained.optimizer.dispose();
      return result;
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      return { out: config.out, reason: "stopped", step: 0, losses: {}, seconds: 0 };
    } finally {
      this.#kl?.close();
      this.#tokenising.close();
      model.dispose();
    }
  }

  /** Steps from where the run stands to its end, with evaluations and checkpoints as they fall due. */
  async #loop(trained: Trained, tokenizer: Tokenizer): Promise<TrainResult> {
    const config = this.#config;
    const metrics = new MetricsFile(this.#directory.paths.metrics);
    try {
      const write = (line: MetricsLine) => {
        metrics.append(line as never);
        this.#emit(line);
      };
      const { counters, metricsBytes } = this.#resumePoint(trained);
      metrics.truncateTo(metricsBytes);
      const before = counters.seconds;
      const begun = performance.now();
      const losses: Record<string, number> = {};
      const evaluate = async () => {
        const event = await this.#evaluate(trained, counters.step);
        if (event === null) return;
        write(event);
        Object.assign(losses, event.losses);
      };
      const save = () => {
        metrics.flush();
        this.#countPeaks(counters);
        counters.seconds = before + (performance.now() - begun) / 1000;
        saveRun(this.#directory, trained, counters, config.seed, metrics.byteLength, config.checkpoint.keep);
      };
      const end = (reason: "finished" | "stopped"): TrainResult => {
        save();
        const { step, seconds, stepsPerObjective, training, peakTensorBytes, peakRssBytes } = counters;
        this.#compare();
        const totals = { stepsPerObjective, training, peakTensorBytes, peakRssBytes };
        write({ type: "end", step, reason, seconds, ...totals });
        metrics.flush();
        return { out: config.out, reason, step, losses, seconds };
      };

      if (metricsBytes === 0) {
        write(this.#startEvent(trained, tokenizer));
        await evaluate();
      }
      while (counters.step < config.steps && !isSpent(config.budget, counters)) {
        if (await this.#shouldStop()) return end("stopped");
        this.#tokenising.look();
        const before = process.cpuUsage();
        const event = trainStep(trained, config, counters.step + 1);
        countStep(counters, event, process.cpuUsage(before));
        if (++this.#timed.steps > 0) this.#timed.seconds += event.seconds;
        write(event);
        const heldOut = trained.objectives
          .filter(({ data }) => data.heldIndices.length > 0)
          .map(({ name }) => name);
        for (const [name, loss] of Object.entries(event.losses))
          if (!heldOut.includes(name)) losses[name] = loss;
        const isLast = event.step === config.steps || isSpent(config.budget, counters);
        const due = (every: number) => every > 0 && event.step % every === 0 && !isLast;
        if (due(config.evaluate.every) || isLast) await evaluate();
        if (due(config.checkpoint.every)) save();
      }
      if (!(await this.#allTokenised())) return end("stopped");
      return end("finished");
    } finally {
      metrics.close();
    }
  }

  /** The last complete checkpoint, put back into `trained`; or the beginning. */
  #resumePoint(trained: Trained): { counters: Counters; metricsBytes: number } {
    const none = noCounters(this.#device.info.threads);
    const beginning = { counters: none, metricsBytes: 0 };
    if (this.#options.resume !== true) return beginning;
    const { step, notices } = this.#directory.latestCheckpoint();
    for (const message of notices) this.#notice("warning", message);
    if (step === null) {
      this.#notice("info", "there is no checkpoint yet: starting from the beginning");
      return beginning;
    }
    const checkpoint = this.#directory.loadCheckpoint(step);
    try {
      const state = restoreRun(checkpoint, trained);
      this.#notice("info", `resuming after step ${step} of ${this.#config.steps}`);
      const { seconds, stepsPerObjective, metricsBytes, training = none.training } = state;
      const { peakTensorBytes = 0, peakRssBytes = 0 } = state;
      const counters = { step, seconds, stepsPerObjective, training, peakTensorBytes, peakRssBytes };
      return { counters: structuredClone(counters), metricsBytes };
    } finally {
      checkpoint.close();
    }
  }

  /** Tells what the run will need; a forecast that fails is no reason not to train. */
  #foresee(objectives: readonly Objective[], modelConfig: JsonConfig): void {
    const config = this.#config;
    try {
      const samples = objectives.map(({ name, data }) => sampleOf(name, data, config));
      const forecast = forecastRun({ config, modelConfig, objectives: samples, device: this.#device });
      this.forecast = forecast;
      const message = forecastLine(forecast, config.steps);
      this.#emit({ type: "notice", level: "info", message, forecast });
    } catch (error) {
      this.#notice("warning", `no forecast: ${(error as Error).message}`);
    }
  }

  /** Tells what was measured beside what was forecast. */
  #compare(): void {
    if (this.forecast === null) return;
    const { steps, seconds } = this.#timed;
    const measured: Measured = {
      deviceBytes: this.#device.memory().peakBytes,
      processBytes: 1024 * process.resourceUsage().maxRSS,
      stepSeconds: steps > 0 ? seconds / steps : null,
    };
    this.#emit({ type: "notice", level: "info", message: measuredLine(measured, this.forecast), measured });
  }

  async #evaluate(trained: Trained, step: number): Promise<EvalEvent | null> {
    const total = trained.objectives.length;
    const event = await evaluateObjectives(
      trained.model,
      trained.objectives,
      step,
      knownOptima(this.#config),
      this.#tokens,
      async (done) => {
        this.#emit({ type: "progress", stage: `evaluating after step ${step}`, done, total });
      },
    );
    return this.#kl === null ? event : this.#kl.addTo(event, step, trained.model);
  }

  /** Before a checkpoint is read, while the model still is the base. @returns the hash of `evaluate.text` */
  async #openKlMeter(
    model: LanguageModel,
    objectives: readonly Objective[],
    tokenizer: Tokenizer,
  ): Promise<string | undefined> {
    const path = join(this.#config.out, ".base-logits");
    const warn = (message: string) => this.#notice("warning", message);
    const opened = await openKlMeter(
      this.#config,
      model,
      objectives,
      tokenizer,
      this.#tokenising,
      path,
      warn,
    );
    this.#kl = opened?.meter ?? null;
    return opened?.textHash;
  }

  #startLora(lora: LoraConfig, model: LanguageModel, identity: string): void {
    const { init, seed, optimizer } = this.#config;
    startLora(model, lora, identity, { seed, master: optimizer.masters ?? true });
    if (init === "random") {
      const message =
        "the adapters stand on random weights (init: random), which only the run's own `model/` holds";
      this.#notice("warning", message);
    }
  }

  #startEvent({ objectives, model }: Trained, tokenizer: Tokenizer): MetricsLine {
    const config = this.#config;
    return {
      type: "start",
      version: 1,
      model: config.model,
      objectives: Object.fromEntries(
        objectives.map(({ name, kind, data }) => [
          name,
          {
            kind,
            ...(kind === "dpo" ? { loss: config.objectives[name]?.loss ?? "" } : {}),
            data: config.objectives[name]?.data ?? "",
            rows: data.trainIndices.length,
            held: data.heldIndices.length,
            ...(data.sliceIndices.length === 0 ? {} : { slice: data.sliceIndices.length }),
          },
        ]),
      ),
      policy: { ...config.policy },
      steps: config.steps,
      optima: { ...knownOptima(config).heldout },
      ...(config.optima === undefined
        ? {}
        : {
            optimaFrom: Object.fromEntries(
              Object.entries(config.optima).map(([name, { from }]) => [name, from]),
            ),
          }),
      keys: Object.fromEntries(
        objectives.map((objective) => [objective.name, objectiveKey(objective, tokenizer, config)]),
      ),
      parameters: count(model.parameters),
      ...(model.lora === null ? {} : { trainable: count(model.lora.parameters) }),
      device: `${this.#device.info.backend}, ${this.#device.info.matmul}`,
    };
  }

  #countPeaks(counters: Counters): void {
    const rss = 1024 * process.resourceUsage().maxRSS;
    counters.peakRssBytes = Math.max(counters.peakRssBytes, rss);
    counters.peakTensorBytes = Math.max(counters.peakTensorBytes, this.#device.memory().peakBytes);
  }

  #checkModel(tokenizer: Tokenizer, model: LanguageModel): void {
    const { maxLength } = this.#config;
    if (model.maxPositions !== null && maxLength > model.maxPositions) {
      this.#notice(
        "warning",
        `maxLength ${maxLength} is more than the ${model.maxPositions} positions the model was made for (config.json: max_position_embeddings)`,
      );
    }
    if (tokenizer.vocabSize > model.vocabSize) {
      throw new Error(
        `${this.#config.model}: the tokenizer has ids up to ${tokenizer.vocabSize - 1}, the model's vocabulary ends at ${model.vocabSize - 1} (config.json: vocab_size)`,
      );
    }
  }

  /** A run goes on with the config it began with. */
  #refuseOtherConfig(): void {
    const { config: path } = this.#directory.paths;
    if (this.#options.resume !== true || !existsSync(path)) return;
    const keys = resultKeysThatDiffer(
      this.#config,
      parseConfig(readFileSync(path, "utf8"), { path, checkFiles: false }),
    );
    if (keys.length > 0) {
      throw new Error(
        `${this.#config.out}: this run began with another config (${keys.join(", ")}); resume it with its own, or choose another "out"`,
      );
    }
  }

  /**
   * Every row of every file is looked at before a run ends, so that what became of them is told, a row that cannot be an example is
   * an error, and the cache is whole, however short the run. False where it was stopped meanwhile.
   */
  async #allTokenised(): Promise<boolean> {
    try {
      await this.#tokenising.finish();
      return true;
    } catch (error) {
      if (error instanceof Stopped) return false;
      throw error;
    }
  }

  /** Lets the event loop turn, so that a stop can be heard; asks whether there was one. */
  async #shouldStop(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.#options.shouldStop?.() ?? false;
  }

  #notice(level: "info" | "warning", message: string): void {
    this.#emit({ type: "notice", level, message });
  }

  #emit(event: TrainEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** Adds a step to what was counted. */
function countStep(counters: Counters, event: StepEvent, cpu: NodeJS.CpuUsage): void {
  counters.step = event.step;
  for (const name of Object.keys(event.weights)) {
    counters.stepsPerObjective[name] = (counters.stepsPerObjective[name] ?? 0) + 1;
  }
  const { training } = counters;
  training.seconds += event.seconds;
  training.cpuSeconds += (cpu.user + cpu.system) / 1e6;
  training.tokens += event.tokens;
  training.lossTokens += event.lossTokens;
  training.pairs += event.pairs;
}

function isSpent(budget: RunConfig["budget"], { training }: Counters): boolean {
  if (budget === undefined) return false;
  return "tokens" in budget ? training.tokens >= budget.tokens : training.seconds >= budget.seconds;
}

const count = (parameters: readonly Parameter[]): number =>
  parameters.reduce((sum, parameter) => sum + parameter.count, 0);

/** The weights are saved as the run holds them; transformers 5 calls that key "dtype", earlier versions "torch_dtype". */
function savedDtype(
  config: Readonly<Record<string, unknown>>,
  dtype: RunConfig["dtype"],
): Record<string, string> {
  return "dtype" in config ? { dtype } : { torch_dtype: dtype };
}
