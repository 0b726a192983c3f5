/** Asking an endpoint that misbehaves: what is counted, what is kept, and how many requests it takes. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  askAll,
  Backoff,
  DEFAULT_JUDGE_PROMPT,
  HttpJudge,
  type HttpJudgeOptions,
  judgedPairs,
  parseJudgePrompt,
  questionsOf,
  Records,
  readVerdicts,
  retryAfterSeconds,
  type VerdictRecord,
} from "@outright/eval";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import {
  type Answer,
  type ChatRequest,
  type ChatServer,
  honestVerdict,
  startChatServer,
} from "./chat-server.js";

const folder = mkdtempSync(join(tmpdir(), "outright-endpoint-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let server: ChatServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const prompt = parseJudgePrompt(DEFAULT_JUDGE_PROMPT, "default");
/** Outputs whose numbers say who should win: of 7 in a row the model wins 3, loses 3 and ties 1. */
const pairs = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    instruction: `question ${i}`,
    output: `model, good ${i % 7}`,
    reference: "reference, good 3",
  }));
const honest = (count: number) => pairs(count).map((_, i) => (i % 7 > 3 ? 1 : i % 7 < 3 ? 0 : 0.5));

let files = 0;
const newFile = () => join(folder, `verdicts-${files++}.jsonl`);

async function judge(
  answer: (request: ChatRequest) => Answer,
  {
    count = 21,
    path = newFile(),
    ...options
  }: { count?: number; path?: string } & Partial<HttpJudgeOptions> = {},
  stop = new AbortController().signal,
) {
  server ??= await startChatServer(answer);
  const asked = new HttpJudge({
    url: server.url,
    model: "judge",
    timeout: 10,
    backoff: { seed: 1, first: 0.002, most: 0.01 },
    ...options,
  });
  const questions = questionsOf(pairs(count), prompt, asked);
  const verdicts = new Records<VerdictRecord>(path, readVerdicts(path));
  try {
    const result = await askAll({ judge: asked, questions, verdicts, stop });
    const judged = judgedPairs(pairs(count), questions, (key) => verdicts.get(key)?.verdict);
    return { result, questions, scores: judged.map(({ score }) => score), path };
  } finally {
    verdicts.close();
  }
}

const say = (request: ChatRequest): Answer => ({ say: honestVerdict(request) });
const lines = (path: string) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as VerdictRecord);

describe("a judge behind an endpoint", () => {
  it("is asked every question once, so many at a time, and counted right whatever comes first", async () => {
    const { result, scores, path } = await judge(
      (request) => ({ say: honestVerdict(request), after: (request.count * 7) % 13 }),
      {
        concurrency: 5,
      },
    );
    expect(scores).toEqual(honest(21));
    expect(result).toEqual({ isStopped: false, answered: 42, retries: 0, failures: [] });
    expect(server?.requests).toHaveLength(42);
    expect(server?.mostAtOnce).toBeLessThanOrEqual(5);
    expect(server?.mostAtOnce).toBeGreaterThan(1);
    expect(new Set(lines(path).map(({ key }) => key)).size).toBe(42);
  });

  it("is sent model, messages and parameters, and the key in a header alone", async () => {
    const { path } = await judge(say, {
      count: 1,
      key: "sk-secret",
      parameters: { seed: 4, temperature: null },
    });
    const { body, headers } = server?.requests[0] as ChatRequest;
    expect(headers.authorization).toBe("Bearer sk-secret");
    expect(body).toEqual({ model: "judge", max_tokens: 16, seed: 4, messages: body["messages"] });
    expect(JSON.stringify(body)).not.toContain("secret");
    expect(readFileSync(path, "utf8")).not.toContain("secret");
  });

  const faults: [name: string, fault: (request: ChatRequest) => Answer][] = [
    [
      "429 with Retry-After",
      () => ({ status: 429, headers: { "retry-after": "0.02" }, body: '{"error":{"message":"slow down"}}' }),
    ],
    ["429 without", () => ({ status: 429 })],
    ["500", () => ({ status: 500, body: "<html>oops</html>" })],
    ["502", () => ({ status: 502 })],
    ["503", () => ({ status: 503 })],
    ["504", () => ({ status: 504 })],
    ["a socket that closes", () => "drop"],
    ["an answer that breaks off", () => "cut"],
    ["half of a JSON text", () => ({ raw: '{"choices":[{"message":{"content":"m"' })],
    ["no choices", () => ({ raw: '{"choices":[]}' })],
    ["an error in place of choices", () => ({ raw: '{"error":{"message":"overloaded"}}' })],
    ["an empty content", () => ({ say: "" })],
    ["a null content", () => ({ raw: '{"choices":[{"message":{"content":null}}]}' })],
    ["JSON that is no object", () => ({ raw: "null" })],
    ["a text without a verdict", () => ({ say: "I'd rather not say" })],
  ];
  it.each(faults)("%s, the first time each: asked twice, nothing lost", async (_, fault) => {
    const { result, scores, path } = await judge((request) =>
      request.attempt === 1 ? fault(request) : say(request),
    );
    expect(scores).toEqual(honest(21));
    expect(result).toEqual({ isStopped: false, answered: 42, retries: 42, failures: [] });
    expect(server?.requests).toHaveLength(84);
    expect(lines(path)).toHaveLength(42);
  });

  it("that never answers one question is given up there, after so many tries", async () => {
    const { result, scores } = await judge(
      (request) => (JSON.stringify(request.messages).includes("question 4\\n") ? "hang" : say(request)),
      { timeout: 2, retries: 1 },
    );
    expect(scores).toEqual(honest(21).map((score, i) => (i === 4 ? null : score)));
    expect(result.failures.map(({ kind, message }) => [kind, message])).toEqual(
      Array(2).fill(["failed", `${server?.url}/chat/completions did not answer within 2 seconds`]),
    );
    expect(server?.requests).toHaveLength(40 + 2 * 2);
  });

  it("in a storm of all faults at once counts right, within bounds", async () => {
    const { result, scores } = await judge(
      (request) => {
        const all = faults.map(([, fault]) => fault);
        // At most two faults a question, and at most one of them an answer without a verdict.
        if (request.attempt === 1) return all[request.count % all.length]?.(request) as Answer;
        if (request.attempt === 2 && request.count % 3 === 0)
          return all[request.count % 8]?.(request) as Answer;
        return say(request);
      },
      { count: 70, concurrency: 6 },
    );
    expect(scores).toEqual(honest(70));
    expect(result.failures).toEqual([]);
    expect(server?.requests.length).toBe(140 + result.retries);
    expect(result.retries).toBeLessThanOrEqual(280);
  });

  it("that says no verdict is asked twice more, then it counts as unparsed; one order alone is no score", async () => {
    const { result, scores } = await judge((request) =>
      JSON.stringify(request.messages).includes("question 2\\n") && honestVerdict(request) === "m"
        ? { say: "Well…", finish: "length" }
        : say(request),
    );
    expect(scores).toEqual(honest(21).map((score, i) => (i === 2 ? null : score)));
    expect(result.failures).toHaveLength(1);
    expect(result.failures[0]).toMatchObject({
      kind: "unparsed",
      message: 'the answer says no verdict: "Well…"; it was cut, raise --judge-max-tokens',
    });
    expect(server?.requests).toHaveLength(41 + 3);
  });

  it("refuses a question, and answers all others", async () => {
    const { result, scores } = await judge((request) =>
      JSON.stringify(request.messages).includes("question 9\\n")
        ? { status: 400, body: '{"error":{"message":"too long"}}' }
        : say(request),
    );
    expect(scores.filter((score) => score === null)).toHaveLength(1);
    expect(result.failures.map(({ kind }) => kind)).toEqual(["refused", "refused"]);
    expect(server?.requests).toHaveLength(42);
  });

  it.each([
    [401, "the key is missing or wrong"],
    [403, "the key may not use this model or address"],
    [404, "there is no such address or model"],
  ])("that answers %i ends it at once, and quotes no key", async (status, meaning) => {
    const body = '{"error":{"message":"Incorrect key sk-secret"}}';
    const asking = judge(() => ({ status, body }), { key: "sk-secret", concurrency: 2 });
    await expect(asking).rejects.toThrow(meaning);
    await expect(asking).rejects.toThrow("Incorrect key [key]");
    expect(server?.requests.length).toBeLessThanOrEqual(2);
  });

  it("whose quota is used up ends it, and what was answered is kept", async () => {
    const path = newFile();
    const quota = { status: 429, body: '{"error":{"code":"insufficient_quota","message":"no money"}}' };
    await expect(
      judge((request) => (request.count > 10 ? quota : say(request)), { path, concurrency: 1 }),
    ).rejects.toThrow(/answers 429: the quota is used up \("no money"\); 10 new verdicts are kept/);
    expect(lines(path)).toHaveLength(10);
  });

  it("that is gone is given up after ten questions, not after all", async () => {
    server = await startChatServer(say);
    await server.close();
    const asking = judge(say, { count: 70, retries: 1 });
    await expect(asking).rejects.toThrow(
      /cannot be reached or broke off \(ECONNREFUSED\); 10 questions in a row/,
    );
  });

  it("that never says a verdict is given up after ten questions", async () => {
    await expect(judge(() => ({ say: "hm" }), { count: 70, concurrency: 1 })).rejects.toThrow(
      'none of the first 10 questions got a verdict: the answer says no verdict: "hm"',
    );
    expect(server?.requests).toHaveLength(30);
  });

  it("is asked nothing again: not what is known, nor after a line was cut or damaged", async () => {
    const { path } = await judge(say);
    await judge(say, { path });
    expect(server?.requests).toHaveLength(42);
    const whole = readFileSync(path, "utf8");
    appendFileSync(path, '{"key":"abc","order":"model-first","verd');
    expect(readVerdicts(path).damaged).toBe(0);
    const { scores } = await judge(say, { path });
    expect(scores).toEqual(honest(21));
    expect(server?.requests).toHaveLength(42);
    expect(readFileSync(path, "utf8")).toBe(whole);
    appendFileSync(path, 'nonsense\n{"key":"abc"}\nnull\n');
    expect(readVerdicts(path).damaged).toBe(3);
    await judge(say, { path });
    expect(server?.requests).toHaveLength(42);
  });

  it("is asked again where model, parameters or prompt are others, and not for another address or key", async () => {
    const { path } = await judge(say, { count: 3 });
    const again = async (options: Partial<HttpJudgeOptions>) => {
      const before = server?.requests.length as number;
      await judge(say, { count: 3, path, ...options });
      return (server?.requests.length as number) - before;
    };
    expect(await again({ key: "k", url: `${server?.url}/chat/completions`, concurrency: 1 })).toBe(0);
    expect(await again({ model: "other" })).toBe(6);
    expect(await again({ maxTokens: 17 })).toBe(6);
    expect(await again({ parameters: { seed: 1 } })).toBe(6);
    expect(await again({})).toBe(0);
  });

  it("is asked nothing more after a stop; answers under way are kept, and the next time only the rest is asked", async () => {
    const path = newFile();
    const stop = new AbortController();
    const slow = (request: ChatRequest): Answer => {
      if (request.count === 10) stop.abort();
      return { say: honestVerdict(request), after: 20 };
    };
    const { result } = await judge(slow, { path, concurrency: 4 }, stop.signal);
    expect(result.isStopped).toBe(true);
    const asked = server?.requests.length as number;
    expect(asked).toBeLessThan(14);
    expect(result.answered).toBe(asked);
    const rest = await judge(slow, { path });
    expect(rest.scores).toEqual(honest(21));
    expect(server?.requests).toHaveLength(42);
  });

  it("that asks for a pause is left alone by all for so long", async () => {
    const times: number[] = [];
    await judge(
      (request) => {
        times.push(performance.now());
        return request.count === 1 ? { status: 429, headers: { "retry-after": "1" } } : say(request);
      },
      { count: 4, concurrency: 1 },
    );
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThan(990);
    await expect(
      judge(() => ({ status: 429 }), { url: (await pausing(4000)).url, count: 1 }),
    ).rejects.toThrow("answers 429, and to wait 4000 seconds");
  });

  async function pausing(seconds: number): Promise<ChatServer> {
    await server?.close();
    server = await startChatServer(() => ({ status: 429, headers: { "retry-after": String(seconds) } }));
    return server;
  }

  it.each([
    ["nonsense", "is no address"],
    ["ftp://host/v1", "must begin with http:// or https://"],
    ["http://user:pass@host/v1", "must hold no user and password"],
  ])("has an address: %s is none", (url, meaning) => {
    expect(() => new HttpJudge({ url, model: "m", backoff: { seed: 0 } })).toThrow(meaning);
  });

  it("has a key that can be sent; one that cannot is not quoted", () => {
    const make = () =>
      new HttpJudge({ url: "http://h/v1", model: "m", key: "sk-a\nb", backoff: { seed: 0 } });
    expect(make).toThrow("the judge's key holds spaces");
    expect(make).not.toThrow("sk-a");
  });
});

describe("Backoff", () => {
  it("doubles up to its most, with a jitter that the seed decides", () => {
    const backoff = new Backoff({ seed: 3, first: 1, most: 8 });
    const waits = [0, 1, 2, 3, 4].map((n) => backoff.seconds("question", n));
    for (const [n, full] of [1, 2, 4, 8, 8].entries()) {
      expect(waits[n]).toBeGreaterThanOrEqual(full / 2);
      expect(waits[n]).toBeLessThan(full);
    }
    expect(new Backoff({ seed: 3, first: 1, most: 8 }).seconds("question", 2)).toBe(waits[2]);
    expect(new Backoff({ seed: 4, first: 1, most: 8 }).seconds("question", 2)).not.toBe(waits[2]);
    expect(backoff.seconds("other", 2)).not.toBe(waits[2]);
  });

  it("reads Retry-After as seconds and as a date", () => {
    expect(retryAfterSeconds("7")).toBe(7);
    expect(retryAfterSeconds("Wed, 21 Oct 2015 07:28:00 GMT", Date.UTC(2015, 9, 21, 7, 27, 30))).toBe(30);
    expect(retryAfterSeconds("Wed, 21 Oct 2015 07:28:00 GMT", Date.UTC(2020, 1))).toBe(0);
    expect(retryAfterSeconds("soon")).toBeUndefined();
    expect(retryAfterSeconds(null)).toBeUndefined();
  });
});
