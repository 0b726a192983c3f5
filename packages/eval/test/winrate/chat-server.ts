/** A local server that speaks chat completions and misbehaves as it is told. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ChatRequest {
  messages: { role: string; content: string }[];
  body: Record<string, unknown>;
  headers: IncomingHttpHeaders;
  /** how often these very messages were asked, this time included */
  attempt: number;
  /** requests so far, this one included */
  count: number;
}

export type Answer =
  | { say: string; after?: number; finish?: string }
  | { status: number; headers?: Record<string, string>; body?: string }
  /** 200 with this body */
  | { raw: string }
  /** nothing ever comes; the socket closes; half of an answer, then the socket closes */
  | "hang"
  | "drop"
  | "cut";

export interface ChatServer {
  /** the API's root */
  url: string;
  requests: ChatRequest[];
  /** most requests that were under way at once */
  mostAtOnce: number;
  close(): Promise<void>;
}

export async function startChatServer(answer: (request: ChatRequest) => Answer): Promise<ChatServer> {
  const attempts = new Map<string, number>();
  let underWay = 0;
  const server = createServer((incoming, response) => {
    let text = "";
    underWay++;
    state.mostAtOnce = Math.max(state.mostAtOnce, underWay);
    response.on("close", () => underWay--);
    incoming.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    incoming.on("end", () => {
      const body = JSON.parse(text) as Record<string, unknown>;
      const key = JSON.stringify(body["messages"]);
      attempts.set(key, (attempts.get(key) ?? 0) + 1);
      const request: ChatRequest = {
        messages: body["messages"] as ChatRequest["messages"],
        body,
        headers: incoming.headers,
        attempt: attempts.get(key) as number,
        count: state.requests.length + 1,
      };
      state.requests.push(request);
      send(answer(request), response);
    });
  });
  const state: ChatServer = {
    url: "",
    requests: [],
    mostAtOnce: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return state;
}

function send(answer: Answer, response: ServerResponse): void {
  if (answer === "hang") return;
  if (answer === "drop") {
    response.destroy();
    return;
  }
  if (answer === "cut") {
    const whole = completion("m", "stop");
    response.writeHead(200, { "content-type": "application/json", "content-length": whole.length });
    response.write(whole.slice(0, 20), () => response.destroy());
    return;
  }
  if ("status" in answer) {
    response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
    response.end(answer.body ?? "");
    return;
  }
  const text = "raw" in answer ? answer.raw : completion(answer.say, answer.finish ?? "stop");
  const reply = (): void => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(text);
  };
  if ("say" in answer && answer.after !== undefined) setTimeout(reply, answer.after);
  else reply();
}

function completion(content: string, finish: string): string {
  return JSON.stringify({
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: finish }],
    usage: { prompt_tokens: 100, completion_tokens: 1 },
  });
}

/** The two outputs as the default prompt shows them. */
export function outputsIn({ messages }: Pick<ChatRequest, "messages">): [first: string, second: string] {
  const text = messages.map(({ content }) => content).join("\n");
  const part = (name: string) =>
    new RegExp(`<output name="${name}">\n([\\s\\S]*?)\n</output>`).exec(text)?.[1] ?? "";
  return [part("m"), part("M")];
}

/** The verdict of a judge for whom the outputs' own numbers decide: "good 7" beats "good 3". */
export function honestVerdict(request: Pick<ChatRequest, "messages">): "m" | "M" | "tie" {
  const [first, second] = outputsIn(request).map((text) => Number(/good (\d+)/.exec(text)?.[1]));
  return first === second ? "tie" : (first as number) > (second as number) ? "m" : "M";
}
