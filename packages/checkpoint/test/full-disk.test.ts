/** A full and a read-only disk: a small tmpfs, mounted in a namespace of its own that vanishes with its process. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "./temporary.js";

const mountPoint = join(temporaryDirectory(), "disk");
mkdirSync(mountPoint);

function inNamespace(command: string) {
  return spawnSync(
    "unshare",
    ["-rm", "sh", "-c", `mount -t tmpfs -o size=1m tmpfs "$0" && ${command}`, mountPoint],
    {
      encoding: "utf8",
    },
  );
}

const canMount = inNamespace("true").status === 0;
const name = canMount
  ? "a full disk"
  : "a full disk (SKIPPED: this machine does not let us mount a tmpfs in a namespace)";

describe.skipIf(!canMount)(name, () => {
  const { stdout, stderr, status } = inNamespace(
    `"${process.execPath}" "${join(import.meta.dirname, "full-disk-child.mjs")}" "$0"`,
  );
  const results = status === 0 ? JSON.parse(stdout) : {};

  it("could be tried", () => {
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  const full =
    /^\/.*: cannot write .* \(needs \d+ bytes\): the disk is full \(\d+ bytes free\); free space or choose another place, nothing that existed was changed$/;
  const attempts = {
    checkpoint: "the checkpoint of step 2 (needs 1200",
    model: "model (needs 12000",
    safetensors: "t.safetensors (needs 12000",
    file: "note.txt (needs 1500000 bytes)",
    merge: "model (needs 1200000 bytes)",
    metrics: "a line of metrics (needs",
  };
  for (const [attempt, says] of Object.entries(attempts)) {
    it(`is told in one line for a ${attempt}, and nothing is left or lost`, () => {
      expect(results[attempt].message).toMatch(full);
      expect(results[attempt].message).toContain(`cannot write ${says}`);
      expect(results[attempt].after).toEqual(results[attempt].before);
    });
  }

  it("a checkpoint saved before is still sound, and saving works again once there is space", () => {
    expect(results.latest).toEqual({ step: 1, notices: [] });
    expect(results.later).toEqual({ step: 3, notices: [] });
  });

  it("a read-only file system is told in one line", () => {
    for (const message of [results.readOnly.checkpoint, results.readOnly.file, results.readOnly.open]) {
      expect(message).toMatch(
        /^\/[^\n]*: cannot write [^\n]*: the file system is read-only; make it writable or choose another place$/,
      );
    }
  });
});
