/** `outright eval mmlu`: questions in, accuracies out. */
import {
  hashModelChain,
  openAdapterDirectory,
  openModelChain,
  tokenizerDirectory,
} from "@outright/checkpoint";
import { loadTokenizer, type Tokenizer } from "@outright/data";
import { type ModelOptions, withModel } from "../with-model.js";
import type { MmluSource } from "./questions.js";
import { readQuestions } from "./read-questions.js";
import { runKey } from "./records.js";
import { Rows } from "./rows.js";
import { type MmluResult, summarise } from "./statistics.js";

export interface EvaluateMmluOptions extends ModelOptions {
  source: MmluSource;
  /** default: all that the source has */
  subjects?: readonly string[] | undefined;
  /** examples before each question; default 1 */
  shots?: number;
  /** most rows of each subject */
  limit?: number | undefined;
  /** file of rows, JSON lines: read where it exists, and added to */
  out?: string | undefined;
  /** of a flat row; default: as in training */
  tokensPerMicroBatch?: number | "auto";
  stop?: AbortSignal;
  onProgress?: (progress: MmluProgress) => void;
}

export type MmluProgress =
  | { stage: "reading"; done: number; total: number }
  /** `kept`: how many of those done stood in `out` before; `correct`: of those done */
  | { stage: "scoring"; done: number; total: number; kept: number; correct: number };

export interface MmluEvaluation extends MmluResult {
  shots: number;
  /** rows whose prompt was longer than the model's positions, and was cut on its left */
  cut: { rows: number; positions: number };
  /** rows that were computed by an earlier run */
  kept: number;
}

/**
 * Scores questions of MMLU as lm-evaluation-harness does. What was computed is in `out` when this is stopped or fails.
 * @returns null where it was stopped
 * @throws Error of one line for everything a person can mend
 */
export async function evaluateMmlu(options: EvaluateMmluOptions): Promise<MmluEvaluation | null> {
  try {
    return await evaluate(options);
  } catch (error) {
    if (options.stop?.aborted === true && (error as Error).name === "AbortError") return null;
    throw error;
  }
}

async function evaluate(options: EvaluateMmluOptions): Promise<MmluEvaluation> {
  const { source, shots = 1, limit, stop, onProgress = () => {} } = options;
  const tokenizer = await loadTokenizer(tokenizerDirectory(options.model));
  const asked = await readQuestions(source, {
    subjects: options.subjects ?? source.subjects,
    ...{ shots, limit },
    ...(stop === undefined ? {} : { stop }),
    onProgress: (done, total) => onProgress({ stage: "reading", done, total }),
  });
  return withModel(options, async (model) => {
    const positions = model.maxPositions ?? DEFAULT_POSITIONS;
    const rows = new Rows(options, asked, runOf(options, tokenizer, positions, shots));
    try {
      await rows.score(model, tokenizer, positions);
      return { ...summarise(rows.isCorrect()), shots, cut: { rows: rows.cut(), positions }, kept: rows.kept };
    } finally {
      rows.close();
    }
  });
}

/** What the harness takes where a config tells nothing. */
const DEFAULT_POSITIONS = 2048;

function runOf(
  { model, adapter, dtype = "float32" }: EvaluateMmluOptions,
  tokenizer: Tokenizer,
  maxLength: number,
  shots: number,
): string {
  const weights = [
    hashModelChain(openModelChain(model)),
    ...(adapter === undefined ? [] : [openAdapterDirectory(adapter).hash]),
  ];
  return runKey({ weights, tokenizer: tokenizer.hash, dtype, shots, maxLength });
}
