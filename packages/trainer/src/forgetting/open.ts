/** A run's own meter of its divergence from the base. */
import type { SftExample, Tokenizer } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import type { RunConfig } from "../config/index.js";
import type { Objective } from "../objective.js";
import type { Tokenising } from "../tokenising.js";
import { microBatchTokens } from "../tokens.js";
import { KlMeter } from "./kl-meter.js";
import { answerOf, choosePositions, PER_EXAMPLE, type Positions } from "./positions.js";
import { openText, textWindows } from "./text.js";

/** The name of plain text beside those of the objectives. */
export const TEXT = "text";

export interface OpenedKlMeter {
  meter: KlMeter;
  /** of the file of plain text, where there is one */
  textHash: string | undefined;
}

/**
 * @param model with the weights that the run starts from
 * @param path of the meter's file, which has no name while the run goes on
 * @returns null where nothing is to be measured: `evaluate.kl` is 0, or no objective has held-out rows and there is no text
 */
export async function openKlMeter(
  config: RunConfig,
  model: LanguageModel,
  objectives: readonly Objective[],
  tokenizer: Tokenizer,
  tokenising: Tokenising,
  path: string,
  warn: (message: string) => void,
): Promise<OpenedKlMeter | null> {
  const { kl: wanted, text } = config.evaluate;
  if (wanted === 0) return null;
  const draw = (name: string, count: number, at: (i: number) => SftExample | null) =>
    choosePositions({ count, at }, wanted, {
      seed: config.seed,
      stream: `kl/${name}`,
      tokensPerMicroBatch: microBatchTokens(config.tokensPerMicroBatch, model.device),
    });
  const positions: Record<string, Positions> = {};
  for (const { name, data } of objectives) {
    const { held, heldIndices } = data;
    positions[name] = draw(name, heldIndices.length, (i) => {
      const example = held.example(heldIndices[i] as number);
      return example === null ? null : answerOf(example);
    });
  }
  let textHash: string | undefined;
  if (text !== undefined) {
    const examples = await openText(text, config, tokenizer, tokenising, warn);
    tokenising.add(examples);
    textHash = examples.hash;
    const windows = textWindows(examples, Math.ceil(wanted / PER_EXAMPLE), config.maxLength, config.seed);
    positions[TEXT] = draw(TEXT, windows.count, windows.at);
  }
  if (Object.values(positions).every(({ count }) => count === 0)) return null;
  return { meter: new KlMeter(model, positions, path), textHash };
}
