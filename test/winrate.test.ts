/** `outright eval winrate` as a whole: against a server that misbehaves, killed, stopped, and with real files. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run, start } from "../packages/cli/test/command.js";
import {
  type Answer,
  type ChatRequest,
  type ChatServer,
  honestVerdict,
  outputsIn,
  startChatServer,
} from "../packages/eval/test/winrate/chat-server.js";
import { temporaryFolder, writeRows } from "./support/folder.js";
import { missingData, testData } from "./support/test-data.js";

const folder = temporaryFolder();
const MODEL = fileURLToPath(new URL("goldens/models/llama-nano", import.meta.url));

interface Result {
  counted: number;
  notCounted: number;
  identical: number;
  winRate: number;
  interval: [number, number];
  lengthControlled: { winRate: number };
  wins: number;
  losses: number;
  ties: number;
  contradictions: number;
  firstPlace: number;
  failures: Record<string, number>;
}

let server: ChatServer;
let answer: (request: ChatRequest) => Answer;
beforeEach(async () => {
  answer = (request) => ({ say: honestVerdict(request) });
  server = await startChatServer((request) => answer(request));
});
afterEach(() => server.close());

const COUNT = 35;
let cases = 0;
/** Files of 35 instructions, of which the model wins 15, loses 15 and ties 5; and a directory for the results. */
function newCase(): { outputs: string; reference: string; out: string } {
  const at = join(folder, `case-${cases++}`);
  mkdirSync(at);
  const rows = (generator: string, text: (i: number) => string) =>
    Array.from({ length: COUNT }, (_, i) => ({ instruction: `question ${i}`, output: text(i), generator }));
  writeRows(
    join(at, "mine.jsonl"),
    rows("mine", (i) => `I say good ${i % 7}`),
  );
  writeFileSync(join(at, "theirs.json"), JSON.stringify(rows("theirs", () => "they say good 3")));
  return { outputs: join(at, "mine.jsonl"), reference: join(at, "theirs.json"), out: join(at, "out") };
}

const command = ({ outputs, reference, out }: ReturnType<typeof newCase>, ...more: string[]) => [
  ...["eval", "winrate", "--outputs", outputs, "--reference", reference, "--out", out],
  ...["--judge-model", "judge", ...more],
];
const env = () => ({ OPENAI_BASE_URL: server.url, OPENAI_API_KEY: "sk-very-secret" });
const read = <Value>(...path: string[]) => JSON.parse(readFileSync(join(...path), "utf8")) as Value;

describe("against a server that misbehaves", () => {
  it("finishes, counts right and loses nothing", async () => {
    const files = newCase();
    const faults: Answer[] = [
      { status: 429, headers: { "retry-after": "0.1" }, body: '{"error":{"message":"slow down"}}' },
      { status: 500, body: "oops" },
      "hang",
      "drop",
      "cut",
      { raw: '{"choices":[' },
      { raw: '{"choices":[]}' },
      { say: "" },
      { say: "hard to say" },
    ];
    answer = (request) =>
      request.attempt === 1 && request.count % 4 === 0
        ? (faults[(request.count / 4) % faults.length] as Answer)
        : { say: honestVerdict(request), after: (request.count * 5) % 17 };
    const { code, stdout, stderr } = await run(command(files, "--timeout", "6", "--json"), { env: env() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const result = JSON.parse(stdout) as Result;
    expect(result).toMatchObject({
      ...{ model: "mine", reference: "theirs", judge: "judge", counted: COUNT, notCounted: 0, identical: 0 },
      ...{ winRate: 0.5, wins: 15, losses: 15, ties: 5, contradictions: 0, firstPlace: 0.5 },
      failures: { unparsed: 0, failed: 0, refused: 0 },
      usage: { promptTokens: 70 * 100, completionTokens: 70 },
    });
    expect(read(files.out, "winrate.json")).toEqual(result);
    // 70 questions and one more request for each fault
    const faulty = server.requests.filter(({ attempt, count }) => attempt === 1 && count % 4 === 0).length;
    expect(faulty).toBeGreaterThan(9);
    expect(server.requests).toHaveLength(70 + faulty);
    expect(server.requests.every(({ headers }) => headers.authorization === "Bearer sk-very-secret")).toBe(
      true,
    );
    for (const name of ["verdicts.jsonl", "winrate.json", "annotations.json", "leaderboard.csv"])
      expect(readFileSync(join(files.out, name), "utf8")).not.toContain("secret");
    const preferences = read<{ preference: number }[]>(files.out, "annotations.json");
    expect(preferences.map(({ preference }) => preference)).toEqual(
      Array.from({ length: COUNT }, (_, i) => (i % 7 > 3 ? 2 : i % 7 < 3 ? 1 : 1.5)),
    );

    const before = server.requests.length;
    const again = await run(command(files), { env: env() });
    expect(again.stdout).toContain("questions: 70, answered before: 70");
    expect(again.stdout).toContain("win rate           50.0 %");
    expect(server.requests).toHaveLength(before);
    expect(read(files.out, "winrate.json")).toEqual(result);
  });

  it("tells what got no verdict, counts the rest, and asks only for that the next time", async () => {
    const files = newCase();
    const isOdd = (request: ChatRequest) => JSON.stringify(request.messages).includes("question 5\\n");
    answer = (request) => ({ say: isOdd(request) ? "who knows" : honestVerdict(request) });
    const first = await run(command(files), { env: env() });
    expect(first.code).toBe(0);
    expect(first.stderr).toBe(
      'warning: questions without a verdict: 2 with answers that say none (the answer says no verdict: "who knows"); the same command asks them again\n',
    );
    expect(first.stdout).toContain("without a verdict in both orders, and not counted: 1");
    expect(read<Result>(files.out, "winrate.json")).toMatchObject({
      ...{ counted: 34, notCounted: 1, wins: 14, losses: 15, ties: 5 },
      failures: { unparsed: 2 },
    });
    expect(server.requests).toHaveLength(68 + 2 * 3);
    answer = (request) => ({ say: honestVerdict(request) });
    const second = await run(command(files), { env: env() });
    expect(second.stdout).toContain("questions: 70, answered before: 68");
    expect(read<Result>(files.out, "winrate.json")).toMatchObject({ counted: 35, wins: 15 });
    expect(server.requests).toHaveLength(68 + 2 * 3 + 2);
  });

  it("ends in one line where the key is wrong, and does not quote it", async () => {
    answer = () => ({ status: 401, body: '{"error":{"message":"Incorrect API key: sk-very-secret"}}' });
    const { code, stderr } = await run(command(newCase()), { env: env() });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `outright: ${server.url}/chat/completions answers 401: the key is missing or wrong ("Incorrect API key: [key]")\n`,
    );
  });

  it("killed in the middle, goes on with what is missing", async () => {
    const files = newCase();
    let reached = (): void => {};
    const enough = new Promise<void>((resolve) => {
      reached = resolve;
    });
    answer = (request) => {
      if (request.count === 25) reached();
      return { say: honestVerdict(request), after: 30 };
    };
    const running = start(command(files, "--concurrency", "4"), { env: env() });
    await enough;
    running.child.kill("SIGKILL");
    expect((await running.outcome).signal).toBe("SIGKILL");
    const asked = server.requests.length;
    const kept = readFileSync(join(files.out, "verdicts.jsonl"), "utf8").split("\n").slice(0, -1).length;
    expect(kept).toBeGreaterThanOrEqual(asked - 4); // those in flight
    expect(existsSync(join(files.out, "winrate.json"))).toBe(false);
    const { code, stdout, stderr } = await run(command(files), { env: env() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`questions: 70, answered before: ${kept}`);
    expect(server.requests).toHaveLength(asked + 70 - kept);
    expect(read<Result>(files.out, "winrate.json")).toMatchObject({
      counted: 35,
      wins: 15,
      losses: 15,
      ties: 5,
    });
  });

  it("Ctrl-C ends the asking, keeps everything, and says how to go on", async () => {
    const files = newCase();
    answer = (request) => ({ say: honestVerdict(request), after: 100 });
    const running = start(command(files, "--concurrency", "3"), { env: env() });
    await running.saw("judged 1/70");
    running.child.kill("SIGINT");
    const { code, stdout, stderr } = await running.outcome;
    expect(code).toBe(130);
    expect(stderr).toBe("SIGINT: waiting for the answers that are under way, press again to quit at once\n");
    const asked = server.requests.length;
    expect(asked).toBeLessThan(70);
    expect(stdout).toContain(
      `stopped: ${asked} of 70 questions have a verdict; the same command goes on from there`,
    );
    expect(existsSync(join(files.out, "winrate.json"))).toBe(false);
    expect((await run(command(files), { env: env() })).code).toBe(0);
    expect(server.requests).toHaveLength(70);
  });

  it("two at once in one directory: the second is refused", async () => {
    const files = newCase();
    answer = () => "hang";
    const running = start(command(files), { env: env() });
    await running.saw("to ask: 70");
    const { code, stderr } = await run(command(files), { env: env() });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^outright: .*out: is in use by process \d+ since .*\n$/);
    running.child.kill("SIGKILL");
    await running.outcome;
  });
});

describe("before it asks", () => {
  it("tells what it will cost, and --dry-run ends there without a trace", async () => {
    const files = newCase();
    const prices = ["--price-in", "10", "--price-out", "30"];
    const { code, stdout, stderr } = await run(command(files, ...prices, "--dry-run"), { env: env() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^judge: judge at http:.*\/v1\/chat\/completions\nquestions: 70, answered before: 0\nto ask: 70\ntokens: about [\d,]+ of prompts \(characters \/ 4\), of answers at most 1,120\ncost: at most 0\.\d\d, and what has to be asked again\n$/,
    );
    const json = JSON.parse(
      (await run(command(files, ...prices, "--dry-run", "--json"), { env: env() })).stdout,
    );
    expect(json.cost).toBeCloseTo((json.promptTokens * 10 + 1120 * 30) / 1e6, 12);
    expect(json).toMatchObject({ dryRun: true, questions: 70, known: 0, requests: 70 });
    expect(existsSync(files.out)).toBe(false);
    const tokens = JSON.parse(
      (await run(command(files, "--judge-tokenizer", MODEL, "--dry-run", "--json"), { env: env() })).stdout,
    );
    expect(tokens.rule).toBe(`tokenizer of ${MODEL}`);
    expect(tokens.promptTokens).not.toBe(json.promptTokens);
    expect(server.requests).toHaveLength(0);
  });

  it("refuses what may cost more than --max-cost", async () => {
    const prices = ["--price-in", "1000", "--price-out", "1000"];
    const { code, stderr } = await run(command(newCase(), ...prices, "--max-cost", "0.5"), { env: env() });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^outright: it may cost \d+\.\d\d, more than --max-cost 0\.5; nothing was asked\n$/,
    );
    expect(server.requests).toHaveLength(0);
  });

  it("needs a key for OpenAI itself", async () => {
    const { stderr } = await run(command(newCase()), { env: { OPENAI_BASE_URL: "", OPENAI_API_KEY: "" } });
    expect(stderr).toBe(
      "outright: https://api.openai.com/v1 needs a key: put it into the environment variable OPENAI_API_KEY, or name another judge with --judge-url\n",
    );
  });

  it("says which rows are in no pair", async () => {
    const files = newCase();
    writeRows(files.outputs, [
      { instruction: "question 0", output: "good 9" },
      { instruction: "question 0", output: "good 0" },
      { instruction: "question 1", output: "they say good 3" },
      { instruction: "something else", output: "good 1" },
    ]);
    const { code, stdout, stderr } = await run(command(files), { env: env() });
    expect(code).toBe(0);
    expect(stderr).toBe(
      "warning: instructions of the reference without an output: 33 (row 2, 3, 4, …, from 0)\n" +
        "warning: outputs to instructions that the reference does not have: 1 (row 3, from 0)\n" +
        "warning: outputs that repeat an instruction, of which the first counts: 1 (row 1, from 0)\n",
    );
    expect(stdout).toContain("questions: 2, answered before: 0, equal pairs: 1");
    expect(read<Result>(files.out, "winrate.json")).toMatchObject({
      counted: 2,
      wins: 1,
      ties: 1,
      identical: 1,
    });
  });
});

describe("a judge with a prompt of its own", () => {
  it("is asked as the file says, and MT-bench's verdicts are read", async () => {
    const files = newCase();
    const prompt = join(folder, "mt.txt");
    writeFileSync(
      prompt,
      "<|im_start|>system\nEnd with [[A]], [[B]] or [[C]].\n<|im_end|>\n<|im_start|>user\nQ: {question}\nA: {answer_a}\nB: {answer_b}\n<|im_end|>\n",
    );
    answer = ({ messages }) => {
      const [, a, b] = /A: .*good (\d+)\nB: .*good (\d+)/.exec(messages[1]?.content ?? "") ?? [];
      return { say: `Not [[C]], I think.\n[[${a === b ? "C" : Number(a) > Number(b) ? "A" : "B"}]]` };
    };
    const { code } = await run(command(files, "--judge-prompt", prompt), { env: env() });
    expect(code).toBe(0);
    expect(server.requests[0]?.messages[0]).toEqual({
      role: "system",
      content: "End with [[A]], [[B]] or [[C]].",
    });
    expect(server.requests[0]?.body["max_tokens"]).toBe(1024);
    expect(read<Result>(files.out, "winrate.json")).toMatchObject({ wins: 15, losses: 15, ties: 5 });
  });
});

describe("local models", () => {
  it("one answers the reference's instructions, another judges; the second time nothing is made or judged", async () => {
    const at = join(folder, "local");
    const runDirectory = join(at, "my-run");
    mkdirSync(join(runDirectory, "model"), { recursive: true });
    for (const name of [
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
      "special_tokens_map.json",
    ])
      writeFileSync(join(runDirectory, "model", name), readFileSync(join(MODEL, name)));
    writeFileSync(
      join(runDirectory, "config.yaml"),
      "model: m\nout: o\nsteps: 1\nobjectives: { sft: { kind: sft, data: a, format: alpaca, template: clean } }\n",
    );
    const reference = join(at, "reference.json");
    writeFileSync(
      reference,
      JSON.stringify([0, 1, 2].map((i) => ({ instruction: `say ${i}`, output: `the answer ${i}` }))),
    );
    const args = [
      ...[
        "eval",
        "winrate",
        "--model",
        join(runDirectory, "model"),
        "--reference",
        reference,
        "--max-tokens",
        "5",
      ],
      ...["--judge-dir", MODEL, "--out", join(at, "out"), "--threads", "1"],
    ];
    const first = await run(args);
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: "" });
    expect(first.stdout).toContain("prompts: template clean (as in training)");
    expect(first.stdout).toContain("outputs made now: 3 of 3");
    const outputs = read<Record<string, string>[]>(at, "out", "outputs.json");
    expect(outputs.map(({ generator, instruction }) => [generator, instruction])).toEqual(
      [0, 1, 2].map((i) => ["my-run", `say ${i}`]),
    );
    const dressed = await run([
      ...["generate", "--model", MODEL, "--prompt", "say 1", "--template", "clean", "--max-tokens", "5"],
      ...["--threads", "1"],
    ]);
    expect(`${outputs[1]?.output}\n`).toBe(dressed.stdout);
    const result = read<Result>(at, "out", "winrate.json");
    expect(result).toMatchObject({
      counted: 3,
      judge: MODEL,
      templates: { dialogue: "clean", other: "clean" },
    });
    const second = await run(args);
    expect(second.stdout).toContain("outputs made now: 0 of 3");
    expect(second.stdout).toContain("questions: 6, answered before: 6");
    expect(read(at, "out", "winrate.json")).toEqual(result);
    // the other template makes other outputs, and says so
    const other = await run([...args, "--template", "none", "--dry-run"]);
    expect(other.stdout).toContain("prompts: template none (as asked for)");
    expect(other.stdout).toContain("outputs not made yet, taken to be as long as the reference's: 3");
  });

  it("a judge whose prompt does not name the outputs is refused", async () => {
    const { outputs, reference, out } = newCase();
    const { stderr } = await run([
      ...["eval", "winrate", "--outputs", outputs, "--reference", reference, "--out", out],
      ...["--judge-dir", MODEL, "--judge-labels", "A,B"],
    ]);
    expect(stderr).toBe(
      'outright: the judge\'s prompt: does not name an output "A"; say the names in it with --judge-labels FIRST,SECOND\n',
    );
  });
});

describe("real files", () => {
  const longer = (request: ChatRequest): Answer => {
    const [first, second] = outputsIn(request);
    return { say: first.length === second.length ? "tie" : first.length > second.length ? "m" : "M" };
  };

  it("AlpacaEval's 805 rows: a judge who likes nothing but length gives a rate that control for length brings to ½", async ({
    skip,
  }) => {
    const [model, reference] = ["alpaca_eval/reference_outputs/gpt4.json", "alpaca_eval/alpaca_eval.json"];
    const missing = missingData(model, reference);
    skip(missing !== undefined, missing);
    answer = longer;
    const out = join(folder, "alpaca");
    const files = { outputs: testData(model), reference: testData(reference), out };
    const { code, stdout, stderr } = await run(command(files, "--json"), { env: env() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const rows = [model, reference].map((path) => read<{ output: string }[]>(testData(path)));
    const score = rows[0]?.map(({ output }, i) =>
      Math.sign(output.length - (rows[1]?.[i]?.output.length ?? 0)),
    );
    const result = JSON.parse(stdout) as Result;
    expect(result).toMatchObject({
      ...{ model: "gpt4", reference: "text_davinci_003", counted: 805, notCounted: 0, firstPlace: 0.5 },
      ...{ wins: score?.filter((sign) => sign > 0).length, losses: score?.filter((sign) => sign < 0).length },
    });
    expect(result.winRate).toBeGreaterThan(0.9);
    expect(Math.abs(result.lengthControlled.winRate - 0.5)).toBeLessThan(0.15);
    expect(server.requests).toHaveLength(2 * (805 - result.identical));
    const annotations = read<Record<string, unknown>[]>(out, "annotations.json");
    expect(annotations).toHaveLength(805);
    expect(Object.keys(annotations[0] ?? {})).toEqual(
      expect.arrayContaining([
        "instruction",
        "output_1",
        "generator_1",
        "output_2",
        "generator_2",
        "annotator",
        "preference",
      ]),
    );
  });

  it("the HH prompts: 640 dialogues, and a note where one side alone has the speaker's name", async ({
    skip,
  }) => {
    const path = "hh_rlhf/rm_hh_rlhf_test_subset_formatted.json";
    const missing = missingData(path);
    skip(missing !== undefined, missing);
    answer = longer;
    const rows = read<{ instruction: string; output: string }[]>(testData(path));
    const outputs = join(folder, "hh-mine.json");
    writeFileSync(
      outputs,
      JSON.stringify(rows.map(({ instruction }) => ({ instruction, output: "Yes.", generator: "yes" }))),
    );
    const out = join(folder, "hh");
    const { code, stdout, stderr } = await run(command({ outputs, reference: testData(path), out }), {
      env: env(),
    });
    expect(code).toBe(0);
    expect(stderr).toBe(
      'warning: 100 % of the reference\'s outputs begin with "Assistant:", 0 % of the others: the judge can tell the sides apart\n',
    );
    expect(stdout).toContain(
      "yes against rm_hh_rlhf_test_subset_formatted, judged by judge: 640 instructions",
    );
    expect(server.requests).toHaveLength(1280);
    expect(read<Result>(out, "winrate.json")).toMatchObject({ counted: 640, wins: 0 });
  });
});
