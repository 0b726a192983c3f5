import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { childEnvironment } from "../lib/environment.mjs";
import { TOOLS } from "../lib/paths.mjs";
import { run } from "../lib/run.mjs";
import { filesBelow, fingerprint } from "../lib/state.mjs";

const folder = mkdtempSync(join(tmpdir(), "outright scripts "));
afterAll(() => rmSync(folder, { recursive: true }));

describe("run", () => {
  const node = (code, options) => run(process.execPath, ["-e", code], options);

  it("gives code and output, each line as it comes, and a log with all of it", async () => {
    const lines = [];
    const code =
      'console.log("one"); console.error("two"); process.stdout.write("three"); process.exitCode = 3';
    const result = await node(code, { log: "run-test", onLine: (text) => lines.push(text) });
    expect(result.code).toBe(3);
    expect(lines.sort()).toEqual(["one", "three", "two"]);
    for (const text of lines) expect(readFileSync(result.log, "utf8")).toContain(text);
  });

  it("passes arguments with spaces as they are", async () => {
    const result = await run(process.execPath, ["-p", "process.argv[1]", "a  b"], { cwd: folder });
    expect(result.output).toBe("a  b\n");
  });

  it("tells a missing command and a killed one from a failed one", async () => {
    expect((await run("outright-no-such-command", [])).code).toBe(127);
    const killed = await node('process.kill(process.pid, "SIGKILL")');
    expect(killed.code).toBe(128);
    expect(killed.output).toContain("ended by SIGKILL");
  });
});

describe("the children's environment", () => {
  const home = process.env.HOME;
  afterEach(() => {
    process.env.HOME = home;
  });

  it("keeps a HOME that can be written", () => {
    process.env.HOME = folder;
    expect(childEnvironment().HOME).toBe(folder);
  });

  it.each([undefined, "", "/no/such/folder"])("replaces HOME=%s by a folder of ours", (value) => {
    if (value === undefined) delete process.env.HOME;
    else process.env.HOME = value;
    expect(childEnvironment().HOME).toBe(join(TOOLS, "home"));
  });
});

describe("the fingerprint", () => {
  it("changes with a file's content, its name, and a fact", () => {
    const file = join(folder, "a.txt");
    writeFileSync(file, "1");
    const first = fingerprint([file], ["x"]);
    expect(fingerprint([file], ["x"])).toBe(first);
    expect(fingerprint([file], ["y"])).not.toBe(first);
    expect(fingerprint([file, join(folder, "absent.txt")], ["x"])).not.toBe(first);
    writeFileSync(file, "2");
    expect(fingerprint([file], ["x"])).not.toBe(first);
    mkdirSync(join(folder, "skipped"));
    writeFileSync(join(folder, "skipped", "b.txt"), "");
    expect(filesBelow(folder, (name) => name === "skipped")).toEqual([file]);
  });
});
