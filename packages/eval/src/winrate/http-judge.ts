/** A judge behind an OpenAI-compatible endpoint. */
import type { ChatMessage } from "@outright/data";
import { RequestSignal } from "../request-signal.js";
import { Backoff, type BackoffOptions, retryAfterSeconds } from "./backoff.js";
import { type Completion, excerpt, Retriable, readCompletion, statusError } from "./chat-request.js";
import { type Judge, JudgeFailure, type JudgeReply, type JudgeSignals } from "./judge.js";
import { parseVerdict } from "./verdict.js";

export interface HttpJudgeOptions {
  /** the API's root, e.g. https://api.openai.com/v1 */
  url: string;
  model: string;
  /** sent as a bearer token, and nowhere else; none where the endpoint needs none */
  key?: string;
  /** most tokens of an answer; default 16, enough for one word */
  maxTokens?: number;
  /** further keys of the request's body; null takes one of ours out */
  parameters?: Record<string, unknown>;
  /** seconds for one request, answer included; default 120 */
  timeout?: number;
  /** requests for one question after the first one that got no answer; default 5 */
  retries?: number;
  /** the same for answers that came but say no verdict; default 2, as they cost money and seldom change */
  unparsedRetries?: number;
  /** default 8 */
  concurrency?: number;
  backoff: BackoffOptions;
}

export class HttpJudge implements Judge {
  readonly name: string;
  readonly identity: string;
  readonly concurrency: number;
  retries = 0;
  readonly #url: URL;
  readonly #options: HttpJudgeOptions;
  readonly #body: Record<string, unknown>;
  readonly #backoff: Backoff;

  /** @throws Error of one line where the address or the key can be none */
  constructor(options: HttpJudgeOptions) {
    this.#options = options;
    this.#url = completionsUrl(options.url);
    this.#backoff = new Backoff(options.backoff);
    this.name = options.model;
    this.concurrency = options.concurrency ?? 8;
    const body = {
      model: options.model,
      temperature: 0,
      max_tokens: options.maxTokens ?? 16,
      ...options.parameters,
    };
    this.#body = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
    // the same judge behind another address gives the same verdicts
    this.identity = JSON.stringify(this.#body);
    // Told here, because fetch would quote the key in its own words.
    if (options.key !== undefined && !/^[\x21-\x7e]+$/.test(options.key))
      throw new Error(
        "the judge's key holds spaces or characters that no key has; look at the environment variable",
      );
  }

  /** Where requests go, without its query. */
  get address(): string {
    return `${this.#url.origin}${this.#url.pathname}`;
  }

  async ask(key: string, messages: readonly ChatMessage[], signals: JudgeSignals): Promise<JudgeReply> {
    const left = { failed: this.#options.retries ?? 5, unparsed: this.#options.unparsedRetries ?? 2 };
    for (let n = 0; ; n++) {
      try {
        await this.#backoff.ready(signals.stop);
        return verdictOf(await this.#request(messages, signals.abort));
      } catch (error) {
        if (signals.stop.aborted || signals.abort.aborted) throw new JudgeFailure("stopped", "stopped");
        if (!(error instanceof Retriable)) throw error;
        if (error.pause !== undefined && !this.#backoff.pause(error.pause)) {
          throw new JudgeFailure("fatal", `${error.message}, and to wait ${Math.ceil(error.pause)} seconds`);
        }
        if (left[error.kind] === 0) throw new JudgeFailure(error.kind, error.message);
        left[error.kind]--;
        this.retries++;
        await this.#wait(key, n, signals.stop);
      }
    }
  }

  close(): void {
    // a request leaves nothing open behind it
  }

  async #wait(key: string, n: number, stop: AbortSignal): Promise<void> {
    try {
      await this.#backoff.wait(key, n, stop);
    } catch {
      throw new JudgeFailure("stopped", "stopped");
    }
  }

  async #request(messages: readonly ChatMessage[], abort: AbortSignal): Promise<Completion> {
    const { key, timeout = 120 } = this.#options;
    let status: number;
    let retryAfter: number | undefined;
    let text: string;
    const ending = new RequestSignal(abort, timeout);
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        },
        body: JSON.stringify({ ...this.#body, messages }),
        signal: ending.signal,
      });
      status = response.status;
      retryAfter = retryAfterSeconds(response.headers.get("retry-after"));
      text = await response.text();
    } catch (error) {
      throw new Retriable("failed", this.#networkProblem(error, timeout));
    } finally {
      ending.release();
    }
    // some servers quote a wrong key
    if (key !== undefined) text = text.replaceAll(key, "[key]");
    if (status < 200 || status > 299) throw statusError(status, retryAfter, text, this.address);
    return readCompletion(text);
  }

  #networkProblem(error: unknown, timeout: number): string {
    const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } };
    if (name === "TimeoutError") return `${this.address} did not answer within ${timeout} seconds`;
    const reason = cause?.code ?? cause?.message ?? message;
    return `${this.address} cannot be reached or broke off (${reason.replace(/\s+/g, " ")})`;
  }
}

function verdictOf({ text, isCut, ...usage }: Completion): JudgeReply {
  const verdict = parseVerdict(text);
  if (verdict !== undefined) return { verdict, text, ...usage };
  const why = isCut ? "; it was cut, raise --judge-max-tokens" : "";
  throw new Retriable("unparsed", `the answer says no verdict: ${excerpt(text)}${why}`);
}

function completionsUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error(`--judge-url: ${text} is no address; give one such as http://localhost:8000/v1`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new Error(`--judge-url: ${text} must begin with http:// or https://`);
  if (url.username !== "" || url.password !== "")
    throw new Error("--judge-url: must hold no user and password; give a key in the environment");
  url.pathname = url.pathname.replace(/\/+$/, "");
  if (!url.pathname.endsWith("/chat/completions")) url.pathname += "/chat/completions";
  return url;
}
