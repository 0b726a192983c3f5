/** What a judge is, whatever stands behind it: an endpoint or a local model. */
import type { ChatMessage } from "@outright/data";
import type { Verdict } from "./verdict.js";

export interface JudgeReply {
  verdict: Verdict;
  /** its words, or the log-probs it was decided by */
  text: string;
  /** as the endpoint counts them, where it does */
  promptTokens?: number;
  completionTokens?: number;
}

export interface JudgeSignals {
  /** ask for nothing more: no retry, no waiting */
  stop: AbortSignal;
  /** end what is under way */
  abort: AbortSignal;
}

export interface Judge {
  /** the `annotator` of AlpacaEval's annotations */
  readonly name: string;
  /** all that its verdicts depend on beside the messages; part of a verdict's key, never holding a secret */
  readonly identity: string;
  /** questions it may be asked at once */
  readonly concurrency: number;
  /** requests sent and thrown away because an answer did not come or could not be used */
  readonly retries: number;
  /**
   * @param key names the question
   * @throws JudgeFailure
   */
  ask(key: string, messages: readonly ChatMessage[], signals: JudgeSignals): Promise<JudgeReply>;
  close(): void;
}

/**
 * - `unparsed`: answers came, but none with a verdict
 * - `failed`: no answer came
 * - `refused`: this question cannot be answered, others may
 * - `fatal`: no question will be answered
 * - `stopped`: it was asked to stop
 */
export type FailureKind = "unparsed" | "failed" | "refused" | "fatal" | "stopped";

export class JudgeFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.name = "JudgeFailure";
    this.kind = kind;
  }
}
