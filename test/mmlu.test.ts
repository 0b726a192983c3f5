/** `outright eval mmlu` as a whole: its table, its lines for machines, its errors, the hub, and Ctrl-C. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MmluEvaluation, MmluRecord } from "@outright/eval";
import { afterEach, describe, expect, it } from "vitest";
import { run, start } from "../packages/cli/test/command.js";
import { readRows, temporaryFolder } from "./support/folder.js";

const folder = temporaryFolder();
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const MODEL = at("goldens/models/neox-nano");
const DATA = at("goldens/mmlu");
const command = (...more: string[]) => ["eval", "mmlu", "--model", MODEL, "--threads", "1", ...more];

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** The environment of a hub that answers so. */
async function hub(listener: RequestListener): Promise<Record<string, string>> {
  const opened = createServer(listener);
  server = opened;
  await new Promise<void>((resolve) => opened.listen(0, "127.0.0.1", resolve));
  return { HF_ENDPOINT: `http://127.0.0.1:${(opened.address() as AddressInfo).port}`, HF_TOKEN: "hf_secret" };
}

describe("a folder of subjects", () => {
  it("ends in a table of groups and subjects that fits a terminal, and says what was cut", async () => {
    const { code, stdout, stderr } = await run(command("--data", DATA));
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: \d+ prompts are longer than the model's 512 positions and lost their beginning, as in lm-evaluation-harness\n$/,
    );
    const lines = stdout.split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    const named = (name: RegExp) => lines.filter((line) => name.test(line));
    expect(named(/^all +40 +0\.\d{4} +0\.\d{4}$/)).toHaveLength(1);
    expect(named(/^(stem|humanities|social sciences|other) +\d+ +\d\.\d{4} +\d\.\d{4}$/)).toHaveLength(4);
    expect(named(/^ {2}[a-z_]+ +\d+ +\d\.\d{4} +\d\.\d{4}$/)).toHaveLength(6);
  });

  it("gives one JSON line and a file of rows", async () => {
    const out = join(folder, "rows.jsonl");
    const args = command(
      "--data",
      DATA,
      "--subjects",
      "virology,global facts, econometrics",
      "--limit",
      "3",
      "--shots",
      "2",
    );
    const { code, stdout } = await run([...args, "--out", out, "--json"]);
    expect(code).toBe(0);
    expect(stdout.trimEnd()).not.toContain("\n");
    const result = JSON.parse(stdout) as MmluEvaluation & { model: string; data: string };
    expect(result).toMatchObject({ model: MODEL, data: DATA, shots: 2, kept: 0 });
    expect(Object.keys(result.groups)).toEqual(["social_sciences", "other"]);
    const rows = readRows<MmluRecord>(out);
    expect(rows.map(({ subject, row }) => `${subject} ${row}`)).toEqual(
      ["econometrics", "global_facts", "virology"].flatMap((subject) =>
        [0, 1, 2].map((row) => `${subject} ${row}`),
      ),
    );
    expect(rows.filter(({ correct }) => correct)).toHaveLength(result.overall.correct);
    const again = await run([...args, "--out", out]);
    expect(again.stdout).toContain(`wrote ${out}, which held 9 of the rows already`);
  });
});

describe("errors", () => {
  const empty = join(folder, "empty.zip");
  writeFileSync(empty, "");
  it.each<[args: string[], line: string]>([
    [
      ["--subjects", "phylosophy", "--data", DATA],
      'there is no subject or group "phylosophy" in MMLU; did you mean philosophy?',
    ],
    [["--subjects", ",", "--data", DATA], "--subjects names no subject; see `outright eval mmlu --help`"],
    [["--data", empty], `${empty}: the file is empty; fetch it again`],
    [
      ["--subjects", "anatomy", "--data", DATA],
      `${DATA}/dev/anatomy_dev.csv: there is no such file; put it there, or leave the subject out with --subjects`,
    ],
    [["--out", join(folder, "no/where.jsonl")], `--out: there is no directory ${join(folder, "no")}`],
  ])("%j", async (args, line) => {
    expect(await run(command(...args))).toEqual({
      ...{ code: 1, signal: null, stdout: "" },
      stderr: `outright: ${line}\n`,
    });
  });
});

describe("the hub that HF_ENDPOINT names", () => {
  const question = (split: string) =>
    readFileSync(at(`../packages/eval/test/mmlu/fixtures/abstract_algebra-${split}.parquet`));

  it("gives the rows that the files give", async () => {
    const tokens: (string | undefined)[] = [];
    const env = await hub(({ url = "", headers }, response) => {
      tokens.push(headers.authorization);
      response.end(question(url.includes("/dev-") ? "dev" : "test"));
    });
    const [fromHub, fromFiles] = [join(folder, "hub.jsonl"), join(folder, "files.jsonl")];
    const args = command("--subjects", "abstract_algebra", "--json");
    expect(await run([...args, "--out", fromHub], { env })).toMatchObject({ code: 0, stderr: "" });
    expect(await run([...args, "--out", fromFiles, "--data", DATA])).toMatchObject({ code: 0 });
    expect(readRows(fromHub)).toEqual(readRows(fromFiles));
    expect(tokens).toEqual(["Bearer hf_secret", "Bearer hf_secret"]);
  });

  it("is told where it lacks the data set", async () => {
    const env = await hub((_, response) => response.writeHead(404).end());
    const { code, stderr } = await run(command("--subjects", "anatomy"), { env });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `outright: ${env.HF_ENDPOINT}/datasets/cais/mmlu/resolve/main/anatomy/dev-00000-of-00001.parquet: there is no such file (HTTP 404); look at HF_ENDPOINT, or give --data FOLDER or ZIP\n`,
    );
  });

  it("is waited for no longer after Ctrl-C", async () => {
    let heard = (): void => {};
    const isAsked = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const env = await hub(() => heard()); // and never answers
    const running = start(command(), { env });
    await isAsked;
    running.child.kill("SIGINT");
    expect(await running.outcome).toMatchObject({ code: 130, stderr: "stopped; nothing was kept\n" });
  });
});
