import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { RunDirectory } from "@outright/checkpoint";
import { afterEach, describe, expect, it } from "vitest";
import { errorOf, temporaryDirectory } from "./temporary.js";

const base = temporaryDirectory();
let count = 0;
const open: RunDirectory[] = [];
const fresh = () => join(base, `run-${count++}`);

function openRun(dir: string, resume = false): RunDirectory {
  const run = RunDirectory.open(dir, { resume });
  open.push(run);
  return run;
}

afterEach(() => {
  for (const run of open.splice(0)) run.close();
});

/** A checkpoint whose tensors and state tell its step. */
function checkpointOf(step: number) {
  const tensor = (name: string) => ({
    name,
    dtype: "F32" as const,
    shape: [3],
    data: () => new Float32Array(3).fill(step),
  });
  return {
    tensors: { weights: [tensor("w")], optimizer: [tensor("w.m"), tensor("w.v")] },
    state: { step, metricsBytes: 10 * step, policy: { name: "mix" }, list: [0.1, null, true] },
  };
}

describe("opening", () => {
  it("creates a new run with its paths", () => {
    const dir = join(fresh(), "deep", "run");
    const run = openRun(dir);
    expect(run.isNew).toBe(true);
    expect(run.paths).toEqual({
      config: join(dir, "config.yaml"),
      metrics: join(dir, "metrics.jsonl"),
      environment: join(dir, "environment.json"),
      checkpoints: join(dir, "checkpoints"),
      model: join(dir, "model"),
      adapter: join(dir, "adapter"),
      report: join(dir, "report.html"),
    });
    expect(run.latestCheckpoint()).toEqual({ step: null, notices: [] });
    run.close();
    expect(readdirSync(dir)).toEqual([]);
  });

  for (const name of [
    "config.yaml",
    "metrics.jsonl",
    "environment.json",
    "checkpoints",
    "model",
    "report.html",
  ]) {
    it(`refuses a directory with ${name}, unless it resumes`, () => {
      const dir = fresh();
      mkdirSync(join(dir, name), { recursive: true });
      expect(errorOf(() => openRun(dir))).toBe(
        `${dir}: holds another run already ("${name}"); continue it with --resume or choose another directory for out`,
      );
      expect(readdirSync(dir)).toEqual([name]);
      expect(openRun(dir, true).isNew).toBe(false);
    });
  }

  it("refuses a directory that is no run, and a file, and touches neither", () => {
    const dir = fresh();
    mkdirSync(dir);
    const file = join(dir, "thesis.txt");
    writeFileSync(file, "years of work");
    for (const resume of [false, true]) {
      expect(errorOf(() => openRun(dir, resume))).toBe(
        `${dir}: is not empty ("thesis.txt") and holds no run; choose another directory for out`,
      );
      expect(errorOf(() => openRun(file, resume))).toBe(
        `${file}: is a file; choose another directory for out`,
      );
    }
    expect(readdirSync(dir)).toEqual(["thesis.txt"]);
  });

  it("resumes where nothing was written yet as if new", () => {
    expect(openRun(fresh(), true).isNew).toBe(true);
  });

  it("puts back or removes what a killed process left", () => {
    const dir = fresh();
    openRun(dir).saveCheckpoint(1, checkpointOf(1), 1);
    open.pop()?.close();
    const dead = 2 ** 22 + 1; // above the largest process id of Linux
    mkdirSync(join(dir, "checkpoints", `.step-2.outright-tmp-${dead}`));
    mkdirSync(join(dir, "checkpoints", `.step-1.outright-old-${dead}`));
    mkdirSync(join(dir, `.model.outright-old-${dead}`));
    writeFileSync(join(dir, `.model.outright-old-${dead}`, "config.json"), "{}");
    writeFileSync(join(dir, `.config.yaml.outright-tmp-${process.ppid}`), "");
    writeFileSync(join(dir, `.lock.new-${dead}`), "");
    writeFileSync(join(dir, `.lock.stale-${dead}`), "");
    openRun(dir, true);
    expect(readdirSync(join(dir, "checkpoints"))).toEqual(["step-1"]);
    expect(readdirSync(join(dir, "model"))).toEqual(["config.json"]);
    expect(readdirSync(dir).sort()).toEqual([".lock", "checkpoints", "model"]);
  });
});

describe("the lock", () => {
  it("refuses a second opening while the first is open", () => {
    const dir = fresh();
    const run = openRun(dir);
    expect(errorOf(() => RunDirectory.open(dir))).toMatch(
      `${dir}: is in use by process ${process.pid} since 2`,
    );
    run.close();
    openRun(dir);
  });

  it("refuses while another process has it, and takes over when that was killed", async () => {
    const dir = fresh();
    const child = await holder(dir);
    for (const resume of [false, true]) {
      const message = errorOf(() => openRun(dir, resume));
      expect(message).toContain(`${dir}: is in use by process ${child.pid} since`);
      expect(message).toContain("wait for it or stop it");
    }
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(join(dir, ".lock"))).toBe(true);
    openRun(dir, true);
    const { pid } = JSON.parse(readFileSync(join(dir, ".lock"), "utf8"));
    expect(pid).toBe(process.pid);
    expect(readdirSync(dir)).toEqual([".lock"]);
  });

  it("is not fooled by a process of the same id that started later", () => {
    const dir = fresh();
    mkdirSync(dir);
    const lock = { pid: process.ppid, start: "1@another-boot", host: hostname(), since: "then" };
    writeFileSync(join(dir, ".lock"), JSON.stringify(lock));
    expect(openRun(dir).isNew).toBe(true);
  });

  it("of another machine is respected; an unreadable one is not", () => {
    const dir = fresh();
    mkdirSync(dir);
    const lock = { pid: 1, start: "", host: "elsewhere.example", since: "2030-01-01" };
    writeFileSync(join(dir, ".lock"), JSON.stringify(lock));
    expect(errorOf(() => openRun(dir))).toBe(
      `${dir}: is in use by process 1 on elsewhere.example since 2030-01-01; wait for it, or remove ${join(dir, ".lock")} if it is gone`,
    );
    writeFileSync(join(dir, ".lock"), "");
    openRun(dir);
  });

  it("has one winner when many take over a dead one's lock at once", async () => {
    const dir = fresh();
    mkdirSync(dir);
    const dead = { pid: 2 ** 22 + 1, start: "", host: hostname(), since: "then" };
    writeFileSync(join(dir, ".lock"), JSON.stringify(dead));
    const children = Array.from({ length: 4 }, () => spawnHolder(dir));
    const words = await Promise.all(children.map(firstWord));
    expect(words.sort()).toEqual(["held", "refused", "refused", "refused"]);
    for (const child of children) child.kill("SIGKILL");
  });
});

function spawnHolder(dir: string): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, "lock-holder.mjs"), dir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function firstWord(child: ChildProcess): Promise<string> {
  const [data] = await once(child.stdout as NodeJS.ReadableStream, "data");
  return String(data).trim();
}

async function holder(dir: string): Promise<ChildProcess> {
  const child = spawnHolder(dir);
  expect(await firstWord(child)).toBe("held");
  return child;
}

describe("checkpoints", () => {
  it("come back as they were saved; only the newest are kept", () => {
    const dir = fresh();
    const run = openRun(dir);
    for (const step of [5, 10, 15, 100]) {
      const path = run.saveCheckpoint(step, checkpointOf(step), 2);
      expect(path).toBe(join(dir, "checkpoints", `step-${step}`));
      expect(readdirSync(path).sort()).toEqual([
        "optimizer.safetensors",
        "state.json",
        "weights.safetensors",
      ]);
    }
    run.close();
    const resumed = openRun(dir, true);
    expect(resumed.checkpointSteps()).toEqual([15, 100]);
    expect(resumed.latestCheckpoint()).toEqual({ step: 100, notices: [] });
    for (const step of [15, 100]) {
      const loaded = resumed.loadCheckpoint(step);
      expect(loaded.state).toEqual(checkpointOf(step).state);
      expect(Object.keys(loaded.tensors)).toEqual(["weights", "optimizer"]);
      expect(loaded.tensors.weights?.readFloat32("w")).toEqual(new Float32Array(3).fill(step));
      expect(loaded.tensors.optimizer?.names()).toEqual(["w.m", "w.v"]);
      loaded.close();
    }
    expect(readdirSync(join(dir, "checkpoints")).sort()).toEqual(["step-100", "step-15"]);
  });

  it("may be written again at the same step", () => {
    const run = openRun(fresh());
    run.saveCheckpoint(1, checkpointOf(1), 1);
    run.saveCheckpoint(1, { ...checkpointOf(2), state: "second" }, 1);
    const loaded = run.loadCheckpoint(1);
    expect(loaded.state).toBe("second");
    loaded.close();
    expect(readdirSync(run.paths.checkpoints)).toEqual(["step-1"]);
  });

  const damages: [what: string, spoil: (dir: string) => void, says: string][] = [
    [
      "a flipped bit in the weights",
      (dir) => flip(join(dir, "weights.safetensors"), -1),
      "the bytes of weights.safetensors are not those that were written",
    ],
    [
      "truncated moments",
      (dir) => truncateSync(join(dir, "optimizer.safetensors"), 50),
      "optimizer.safetensors has 50 bytes instead of",
    ],
    ["missing weights", (dir) => rmSync(join(dir, "weights.safetensors")), "weights.safetensors is missing"],
    ["a missing state", (dir) => rmSync(join(dir, "state.json")), "state.json is missing"],
    ["an empty state", (dir) => writeFileSync(join(dir, "state.json"), ""), "state.json: is not JSON"],
    [
      "a changed state",
      (dir) => edit(join(dir, "state.json"), "0.1", "0.2"),
      "the content of state.json is not what was written",
    ],
    [
      "another step's state",
      (dir) => edit(join(dir, "state.json"), '"step":20', '"step":21'),
      "state.json is of step 21",
    ],
    ["an empty directory", empty, "state.json is missing"],
  ];
  for (const [what, spoil, says] of damages) {
    it(`with ${what} are passed over with a notice, and removed after the next is saved`, () => {
      const dir = fresh();
      const run = openRun(dir);
      for (const step of [10, 20]) run.saveCheckpoint(step, checkpointOf(step), 2);
      run.close();
      spoil(join(dir, "checkpoints", "step-20"));
      const resumed = openRun(dir, true);
      const message = errorOf(() => resumed.loadCheckpoint(20));
      expect(message).toContain(
        `${join(dir, "checkpoints", "step-20")}: the checkpoint is damaged and cannot be resumed from: ${says}`,
      );
      expect(resumed.latestCheckpoint()).toEqual({ step: 10, notices: [message] });
      resumed.saveCheckpoint(15, checkpointOf(15), 2);
      expect(resumed.checkpointSteps()).toEqual([10, 15]);
    });
  }

  it("of another version are not passed over: the newest would be lost", () => {
    const dir = fresh();
    const run = openRun(dir);
    run.saveCheckpoint(20, checkpointOf(20), 2);
    run.close();
    edit(join(dir, "checkpoints", "step-20", "state.json"), '"version":1', '"version":2');
    expect(errorOf(() => openRun(dir, true).latestCheckpoint())).toContain(
      "has version 2, this program reads 1",
    );
  });

  it("refuse states that JSON cannot hold, and leave nothing behind", () => {
    const run = openRun(fresh());
    run.saveCheckpoint(1, checkpointOf(1), 2);
    const bad = { ...checkpointOf(2), state: { best: Number.NaN } };
    expect(errorOf(() => run.saveCheckpoint(2, bad, 2))).toContain(
      'state: "best" is NaN, which JSON cannot hold',
    );
    const failing = {
      ...checkpointOf(2),
      tensors: {
        weights: [{ name: "w", dtype: "F32" as const, shape: [2], data: () => new Float32Array(1) }],
      },
    };
    expect(errorOf(() => run.saveCheckpoint(2, failing, 2))).toContain('tensor "w"');
    expect(errorOf(() => run.saveCheckpoint(2, checkpointOf(2), 0))).toContain("checkpoint.keep: 0");
    expect(readdirSync(run.paths.checkpoints)).toEqual(["step-1"]);
  });
});

function empty(dir: string): void {
  rmSync(dir, { recursive: true });
  mkdirSync(dir);
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = (at + bytes.length) % bytes.length;
  bytes[index] = (bytes[index] as number) ^ 1;
  writeFileSync(path, bytes);
}

function edit(path: string, from: string, to: string): void {
  const text = readFileSync(path, "utf8");
  if (!text.includes(from)) throw new Error(`${path} does not hold ${from}`);
  writeFileSync(path, text.replace(from, to));
}
