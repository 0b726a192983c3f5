/** The losses of any model on the rows that a run evaluates, by the run's own code. */
import { openModelChain, tokenizerDirectory } from "@outright/checkpoint";
import { loadTokenizer } from "@outright/data";
import type { RunConfig } from "./config/index.js";
import { evaluateObjectives } from "./evaluate.js";
import type { EvalEvent, ProgressEvent } from "./events.js";
import { loadModel, modelIdentity } from "./load-model.js";
import { openDevice } from "./open-device.js";
import { knownOptima, otherOptima } from "./optima.js";
import { prepareObjectives } from "./prepare-objectives.js";
import { Tokenising } from "./tokenising.js";
import { microBatchTokens } from "./tokens.js";

export interface EvaluateModelOptions {
  /** the model to evaluate: a Hugging Face directory, or an adapter's; default: the one that the run starts from */
  model?: string;
  onProgress?: (event: ProgressEvent) => void;
  onWarning?: (message: string) => void;
  /** asked between parts; true ends it with null */
  shouldStop?: () => boolean;
}

class Stopped extends Error {}

/**
 * Evaluates a model on the held-out rows, and on the slice of training rows, of a run's config. Trains nothing and writes nothing
 * but caches beside `config.out`. `reference: initial` means the model that the run starts from, as in the run.
 * @returns an evaluation as in metrics.jsonl, with step 0; null where it was stopped
 * @throws Error of one line where no objective has rows to evaluate
 */
export async function evaluateModel(
  config: RunConfig,
  options: EvaluateModelOptions = {},
): Promise<EvalEvent | null> {
  if (config.lora !== undefined && "from" in config.lora) {
    throw new Error(
      "lora.from: an evaluation cannot start from an adapter; merge it with `outright export` and give the result as `model`",
    );
  }
  if (options.model !== undefined) openModelChain(options.model); // says at once where there is none
  const { onWarning: warn = () => {}, shouldStop = () => false } = options;
  const tell = (event: ProgressEvent): void => {
    options.onProgress?.(event);
    if (shouldStop()) throw new Stopped();
  };
  const progress = async (event: ProgressEvent): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    tell(event);
  };
  const device = openDevice(config);
  const tokenising = new Tokenising({
    progress: (event) => options.onProgress?.(event),
    notice: warn,
    checkStop: () => {
      if (shouldStop()) throw new Stopped();
    },
  });
  const load = (path: string, init: RunConfig["init"]) =>
    loadModel(device, path, init, config.seed, { dtype: config.dtype, trainable: false }).model;
  try {
    const tokenizer = await loadTokenizer(tokenizerDirectory(config.model));
    const start = load(config.model, config.init);
    let objectives: Awaited<ReturnType<typeof prepareObjectives>>;
    try {
      const identity = modelIdentity(config.model, config.init, config.seed);
      // new adapters start with no effect: the run's initial weights are the model's own
      const { lora: _, ...whole } = config;
      const base = {
        config: whole,
        device,
        tokenizer,
        model: start,
        identity,
        tokenising,
        warn,
        tell,
        progress,
      };
      objectives = await prepareObjectives({ ...base, steps: {} });
    } catch (error) {
      start.dispose();
      throw error;
    }
    let model = start;
    if (options.model !== undefined) {
      start.dispose();
      model = load(options.model, "pretrained");
    }
    try {
      for (const line of otherOptima(objectives, tokenizer, config)) warn(line);
      const event = await evaluateObjectives(
        model,
        objectives,
        0,
        knownOptima(config),
        microBatchTokens(config.tokensPerMicroBatch, model.device),
        (done) => progress({ type: "progress", stage: "evaluating", done, total: objectives.length }),
      );
      if (event === null)
        throw new Error("evaluate: no objective has held-out rows; give evaluate.holdout, or a heldout file");
      return event;
    } finally {
      model.dispose();
    }
  } catch (error) {
    if (error instanceof Stopped) return null;
    throw error;
  } finally {
    tokenising.close();
    device.close();
  }
}
