/** A run on a disk that is full or read-only: one line, nothing half-written, and with space again the same bits. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../packages/cli/test/command.js";
import { expectOneLine, folder, good, prepare, trainHere, writeConfig } from "./support/bad-input.js";
import { snapshot } from "./support/folder.js";

describe("a disk that is full or read-only", () => {
  // A small tmpfs in a namespace of its own, which vanishes with its process.
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const BIN = join(import.meta.dirname, "../packages/cli/bin/outright.mjs");
  const onDisk = (options: string, command: string[]) =>
    spawnSync(
      "unshare",
      ["-rm", "sh", "-c", `mount -t tmpfs -o ${options} tmpfs "$0" && exec "$@"`, disk, ...command],
      { encoding: "utf8", env: { ...process.env, NO_COLOR: "1", OUTRIGHT_STACK: "" } },
    );
  const cannotMount = onDisk("size=1m", ["true"]).status !== 0;
  const reason = "this machine does not let us mount a tmpfs in a namespace";

  interface FullDisk {
    full: Outcome;
    left: string[];
    resumed: Outcome;
    model: string;
  }

  /** Trains with `every` on a disk with so much space. */
  async function fill(
    name: string,
    every: number,
    freeBytes: number,
  ): Promise<FullDisk & { wanted: string }> {
    const at = prepare(name);
    const given = { ...good, steps: 6, checkpoint: { every, keep: 1 } };
    writeConfig(at, given);
    expect(await trainHere(join(at, "run.json"))).toMatchObject({ code: 0, stderr: "" });
    writeConfig(at, { ...given, out: join(disk, "run") });
    const child = join(import.meta.dirname, "support/full-disk-child.mjs");
    const script = [process.execPath, child, BIN, join(at, "run.json"), disk, String(freeBytes)];
    const { stdout, stderr } = onDisk("size=8m", script);
    expect(stderr).toBe("");
    const wanted = snapshot(join(at, "run/model"))["model.safetensors"];
    return { ...(JSON.parse(stdout) as FullDisk), wanted };
  }

  const says = (what: string) =>
    new RegExp(
      `: cannot write ${what} \\(needs \\d+ bytes\\): the disk is full \\(\\d+ bytes free\\); free space`,
    );

  it("full at a checkpoint: the earlier one is kept, and with space again the run ends with the same bits", {
    timeout: 120_000,
  }, async ({ skip }) => {
    skip(cannotMount, reason);
    // a checkpoint takes 1.9 MB: the first fits, and not the second beside it
    const { full, left, resumed, model: saved, wanted } = await fill("full-checkpoint", 2, 3_000_000);
    expectOneLine(full, says("the checkpoint of step 4"));
    expect(left).toEqual([
      "checkpoints",
      "checkpoints/step-2",
      "checkpoints/step-2/optimizer.safetensors",
      "checkpoints/step-2/state.json",
      "checkpoints/step-2/weights.safetensors",
      "config.yaml",
      "environment.json",
      "metrics.jsonl",
    ]);
    expect(resumed).toMatchObject({ code: 0, stderr: "" });
    expect(saved).toBe(wanted);
  });

  it("full at the final model: nothing of it is left, and with space again it is saved", {
    timeout: 120_000,
  }, async ({ skip }) => {
    skip(cannotMount, reason);
    const { full, left, resumed, model: saved, wanted } = await fill("full-model", 0, 2_200_000);
    expectOneLine(full, says("model"));
    expect(left.filter((name) => !name.startsWith("checkpoints"))).toEqual([
      "config.yaml",
      "environment.json",
      "metrics.jsonl",
    ]);
    expect(left).toContain("checkpoints/step-6");
    expect(resumed).toMatchObject({ code: 0, stderr: "" });
    expect(saved).toBe(wanted);
  });

  it("read-only", { timeout: 60_000 }, ({ skip }) => {
    skip(cannotMount, reason);
    const at = prepare("read-only");
    writeConfig(at, { ...good, out: join(disk, "run") });
    const { status, stderr } = onDisk("ro", [process.execPath, BIN, "train", join(at, "run.json")]);
    expectOneLine(
      { code: status, signal: null, stdout: "", stderr },
      /disk\/run: cannot write the run's directory: the file system is read-only/,
    );
  });
});
