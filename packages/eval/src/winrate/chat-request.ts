/** One request to an endpoint that speaks chat completions, and what its answer means. */
import { type FailureKind, JudgeFailure } from "./judge.js";

/** An answer that may be better the next time: the endpoint failed, or what it said is no completion. */
export class Retriable extends Error {
  readonly kind: Extract<FailureKind, "failed" | "unparsed">;
  /** the server asks for a pause of so many seconds */
  readonly pause: number | undefined;

  constructor(kind: "failed" | "unparsed", message: string, pause?: number) {
    super(message);
    this.kind = kind;
    this.pause = pause;
  }
}

export interface Completion {
  text: string;
  /** it ended because it reached max_tokens */
  isCut: boolean;
  promptTokens?: number;
  completionTokens?: number;
}

/** What a status says that asking again will not change. */
const FATAL: Record<number, string> = {
  401: "the key is missing or wrong",
  402: "the account has no money left",
  403: "the key may not use this model or address",
  404: "there is no such address or model; check --judge-url and --judge-model",
};

/**
 * @param retryAfter the header, read
 * @param body as far as it could be read
 * @param address names the endpoint in messages
 */
export function statusError(
  status: number,
  retryAfter: number | undefined,
  body: string,
  address: string,
): Error {
  const said = serverMessage(body);
  const told = `${address} answers ${status}`;
  const fatal = FATAL[status] ?? (/insufficient_quota/.test(body) ? "the quota is used up" : undefined);
  if (fatal !== undefined)
    return new JudgeFailure("fatal", `${told}: ${fatal}${said === "" ? "" : ` ("${said}")`}`);
  const message = said === "" ? told : `${told}: ${said}`;
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return new Retriable("failed", message, retryAfter);
  }
  return new JudgeFailure("refused", message);
}

/** @throws Retriable where the body is no completion with a text */
export function readCompletion(body: string): Completion {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Retriable("unparsed", `the answer is not JSON: ${excerpt(body)}`);
  }
  const { choices, usage, error } = object(value);
  if (!Array.isArray(choices) || choices.length === 0) {
    const said = error === undefined ? "" : `: ${serverMessage(body)}`;
    throw new Retriable("unparsed", `the answer has no choices${said}`);
  }
  const { message, finish_reason } = object(choices[0]);
  const text = contentText(object(message).content);
  if (text.trim() === "") {
    const why =
      finish_reason === "length" ? "; it was cut before its first word, raise --judge-max-tokens" : "";
    throw new Retriable("unparsed", `the answer is empty${why}`);
  }
  const { prompt_tokens, completion_tokens } = object(usage);
  return {
    text,
    isCut: finish_reason === "length",
    ...(typeof prompt_tokens === "number" ? { promptTokens: prompt_tokens } : {}),
    ...(typeof completion_tokens === "number" ? { completionTokens: completion_tokens } : {}),
  };
}

/** A few words of a text, on one line. */
export function excerpt(text: string, most = 80): string {
  const line = text.replace(/\s+/g, " ").trim();
  return JSON.stringify(line.length > most ? `${line.slice(0, most)}…` : line);
}

/** A text, or the text parts of a list. */
function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => object(part).text)
    .filter((text) => typeof text === "string")
    .join("");
}

function serverMessage(body: string): string {
  let message: unknown;
  try {
    const value = object(JSON.parse(body));
    message = typeof value.error === "string" ? value.error : (object(value.error).message ?? value.message);
  } catch {
    // not JSON: a proxy's page, say, which nobody wants to read
  }
  if (typeof message !== "string") return "";
  const line = message.replace(/\s+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
