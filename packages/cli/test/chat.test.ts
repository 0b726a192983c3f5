/** `outright chat` as people use it: from a pipe, with commands, and stopped. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { start } from "./command.js";

const MODEL = fileURLToPath(new URL("../../../test/goldens/models/llama-nano", import.meta.url));
const SETTINGS = ["--threads", "1", "--temperature", "0"];

async function chat(lines: string, ...more: string[]) {
  const running = start(["chat", "--model", MODEL, "--max-tokens", "6", ...SETTINGS, ...more]);
  running.child.stdin.end(lines);
  return await running.outcome;
}

describe("outright chat", () => {
  it("answers a line at a time, and the same after /reset", async () => {
    const { code, stdout, stderr } = await chat("Hello\nAnd you?\n\n/reset\nHello\n/quit\nnever read\n");
    expect(code).toBe(0);
    const answers = stdout.trimEnd().split("\n");
    expect(answers).toHaveLength(3);
    expect(answers[2]).toBe(answers[0]);
    expect(stderr).toMatch(
      /llama-nano: template clean \(it has no chat template and lies in no run\); up to \d+ tokens in all/,
    );
    expect(stderr).toContain("begun anew\n");
    expect(stderr).toContain("(cut at --max-tokens)\n");
  });

  it("says in one line what it cannot do, and goes on", async () => {
    const { code, stdout, stderr } = await chat(
      `/nonsense\n/system Be brief.\n${"word ".repeat(200)}\nHello\n`,
      "--context",
      "100",
    );
    expect(code).toBe(1);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toContain("/nonsense: there are /reset, /system TEXT and /quit\n");
    expect(stderr).toContain("template clean has no place for a system message\n");
    expect(stderr).toMatch(/\noutright: the conversation would have \d+ tokens of at most 100: begin anew/);
  });

  it.each([
    [["--template", "chat"], /^outright: --template chat: the tokenizer of \S.* has no chat template\n$/],
    [["--system", "Be brief."], /^outright: --system: template clean has no place for a system message;/],
    [["--model", "nowhere"], /^outright: nowhere: there is no such model directory\n$/],
    [
      ["--top-p", "0"],
      /^outright: option '--top-p <share>' argument '0' is invalid\. It must be a number above 0/,
    ],
  ])("%j is refused in one line", async (args, message) => {
    const { code, stderr } = await chat("Hello\n", ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  it("Ctrl-C ends an answer, a second one the conversation", async () => {
    const running = start(["chat", "--model", MODEL, "--max-tokens", "100000", ...SETTINGS]);
    running.child.stdin.write("Go on\n");
    await running.saw("tokens in all");
    // the first token takes no longer than this on a busy machine, and hundreds follow it
    await new Promise<void>((resolve) => running.child.stdout.once("data", () => resolve()));
    running.child.kill("SIGINT");
    const ending = await Promise.race([running.saw("(stopped)"), running.saw("no room for more")]);
    expect(ending).toBeUndefined();
    running.child.kill("SIGINT");
    expect(await running.outcome).toMatchObject({ code: 130 });
  });
});
