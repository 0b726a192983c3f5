/** The data set cais/mmlu on the Hugging Face hub: a Parquet file for each subject and split. */
import { setTimeout as sleep } from "node:timers/promises";
import { RequestSignal } from "../request-signal.js";
import { Backoff, type BackoffOptions, retryAfterSeconds } from "../winrate/backoff.js";
import { readParquet } from "./parquet.js";
import type { MmluSource, Split } from "./questions.js";
import { ALL_SUBJECTS } from "./subjects.js";

const DATA_SET = "cais/mmlu";
const HUB = "https://huggingface.co";

export interface HubOptions {
  /** address of the hub, as HF_ENDPOINT has it; default https://huggingface.co */
  endpoint?: string | undefined;
  /** sent as a bearer token to that address alone, as HF_TOKEN has it */
  token?: string | undefined;
  /** times a file is asked for again after 429, 5xx or a broken connection; default 4 */
  retries?: number;
  /** seconds for one file; default 120 */
  timeout?: number;
  backoff?: BackoffOptions;
}

/** What can be mended by asking again. */
class Passing extends Error {
  readonly pause: number | undefined;
  constructor(message: string, pause?: number) {
    super(message);
    this.pause = pause;
  }
}

/** @throws Error of one line where the address is none */
export function openHub(options: HubOptions = {}): MmluSource {
  const root = hubRoot(options.endpoint);
  const { retries = 4 } = options;
  const backoff = new Backoff(options.backoff ?? { seed: 0 });
  return {
    place: `${DATA_SET} at ${root}`,
    subjects: ALL_SUBJECTS,
    async read(subject, split, stop = new AbortController().signal) {
      const url = fileUrl(root, subject, split);
      for (let n = 0; ; n++) {
        try {
          await backoff.ready(stop);
          return await readParquet(await fetchFile(url, options, stop), url);
        } catch (error) {
          if (stop.aborted || !(error instanceof Passing)) throw error;
          if (n === retries)
            throw new Error(`${error.message}; try again later, or give --data FOLDER or ZIP`);
          if (error.pause !== undefined && !backoff.pause(error.pause)) {
            throw new Error(
              `${error.message}, and to wait ${Math.ceil(error.pause)} seconds; try again then`,
            );
          }
          await sleep(1000 * backoff.seconds(url, n), undefined, { signal: stop });
        }
      }
    },
  };
}

const fileUrl = (root: string, subject: string, split: Split): string =>
  `${root}/datasets/${DATA_SET}/resolve/main/${subject}/${split}-00000-of-00001.parquet`;

function hubRoot(endpoint: string | undefined): string {
  const text = endpoint === undefined || endpoint.trim() === "" ? HUB : endpoint.trim();
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new Error(`HF_ENDPOINT: "${text}" is no address; it must be one such as ${HUB}`);
  }
  return text.replace(/\/+$/, "");
}

async function fetchFile(
  url: string,
  { token, timeout = 120 }: HubOptions,
  stop: AbortSignal,
): Promise<ArrayBuffer> {
  let response: Response;
  const ending = new RequestSignal(stop, timeout);
  try {
    response = await fetch(url, {
      // fetch does not carry it to the other host that the hub sends large files from
      headers: token === undefined || token.trim() === "" ? {} : { authorization: `Bearer ${token.trim()}` },
      signal: ending.signal,
    });
    if (response.ok) return await response.arrayBuffer();
  } catch (error) {
    if (stop.aborted) throw error;
    throw new Passing(networkProblem(url, error, timeout));
  } finally {
    ending.release();
  }
  await response.body?.cancel();
  throw statusProblem(url, response);
}

function statusProblem(url: string, { status, headers }: Response): Error {
  if (status === 401 || status === 403) {
    return new Error(`${url}: the hub lets nobody in without the right token (HTTP ${status}); set HF_TOKEN`);
  }
  if (status === 404) {
    return new Error(
      `${url}: there is no such file (HTTP 404); look at HF_ENDPOINT, or give --data FOLDER or ZIP`,
    );
  }
  const pause = retryAfterSeconds(headers.get("retry-after"));
  if (status === 429) return new Passing(`${url}: the hub says to ask less often (HTTP 429)`, pause);
  if (status >= 500) return new Passing(`${url}: the hub failed (HTTP ${status})`, pause);
  return new Error(`${url}: the hub answered with HTTP ${status}; give --data FOLDER or ZIP`);
}

function networkProblem(url: string, error: unknown, timeout: number): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === "TimeoutError") return `${url}: did not come within ${timeout} seconds`;
  const reason = cause?.code ?? cause?.message ?? message;
  return `${url}: cannot be reached or broke off (${reason.replace(/\s+/g, " ")})`;
}
