/**
 * How far a run's model has gone from the weights it started with: KL(base ‖ trained) on held-out rows of each objective and
 * on plain text, at the same positions at every evaluation.
 *
 * The base's logits are computed when a session starts, while the model still is the base (a checkpoint is read later), and
 * wait in a file of 4 · N · V bytes for each objective: so that nothing more is in memory, and a resumed run has the
 * same bits.
 */
import { ScratchFile } from "@outright/checkpoint";
import type { LanguageModel } from "@outright/models";
import type { EvalEvent } from "../events.js";
import { Divergence, LogSumExp } from "./divergence.js";
import { blockLogits, hiddenAt, vocabularyBlocks } from "./logits.js";
import type { Positions } from "./positions.js";

interface Measured {
  name: string;
  positions: Positions;
  /** of the base at each position */
  lse: Float64Array;
  /** where the base's logits of each block of the vocabulary begin in the file */
  blocks: { from: number; width: number; at: number }[];
}

export class KlMeter {
  readonly #measured: readonly Measured[];
  readonly #file: ScratchFile;
  /** since the last evaluation that told it */
  #seconds: number;

  /**
   * @param base the model as it is now is the base
   * @param positions by the name under which they are told; those without any are passed over
   * @param path of the file, which has no name while it is in use
   * @throws one line where it cannot be written
   */
  constructor(base: LanguageModel, positions: Readonly<Record<string, Positions>>, path: string) {
    const begun = performance.now();
    const file = new ScratchFile(path, "the base model's logits (evaluate.kl: 0 does without)");
    this.#file = file;
    try {
      this.#measured = Object.entries(positions)
        .filter(([, { count }]) => count > 0)
        .map(([name, those]) => {
          const hidden = hiddenAt(base, those);
          const sum = new LogSumExp(those.count);
          const blocks = vocabularyBlocks(base, those.count).map((block) => {
            const logits = blockLogits(base, hidden, block);
            sum.add(logits, block.width);
            return { ...block, at: file.append(logits) };
          });
          return { name, positions: those, lse: sum.values(), blocks };
        });
    } catch (error) {
      file.close();
      throw error;
    }
    this.#seconds = (performance.now() - begun) / 1000;
  }

  /** Of the file that holds the base's logits. */
  get bytes(): number {
    return this.#file.bytes;
  }

  /** Nats per token by name. */
  measure(model: LanguageModel): Record<string, number> {
    const entries = this.#measured.map(({ name, positions, lse, blocks }) => {
      const hidden = hiddenAt(model, positions);
      const divergence = new Divergence(lse);
      const buffer = new Float32Array(positions.count * Math.max(...blocks.map(({ width }) => width)));
      for (const block of blocks) {
        const base = buffer.subarray(0, positions.count * block.width);
        this.#file.read(block.at, base);
        divergence.add(base, blockLogits(model, hidden, block), block.width);
      }
      return [name, divergence.mean()] as const;
    });
    return Object.fromEntries(entries);
  }

  /** An evaluation with what is measured after the same step, and the seconds it took, those of the base included. */
  addTo(event: EvalEvent | null, step: number, model: LanguageModel): EvalEvent {
    const begun = performance.now();
    const kl = this.measure(model);
    const klSeconds = this.#seconds + (performance.now() - begun) / 1000;
    this.#seconds = 0;
    const rest = event ?? { type: "eval", step, losses: {}, seconds: 0 };
    return { ...rest, kl, seconds: rest.seconds + klSeconds, klSeconds };
  }

  /** Gives the file's bytes back. */
  close(): void {
    this.#file.close();
  }
}
