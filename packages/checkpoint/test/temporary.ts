import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** A directory of the test file's own, removed after its tests. */
export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), "outright-checkpoint-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The message of the Error that `run` throws; fails where it throws none or its message is not one line. */
export function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Error)) throw new Error(`not an Error: ${error}`);
    if (/[\r\n]/.test(error.message)) throw new Error(`not one line: ${error.message}`);
    return error.message;
  }
  throw new Error("nothing was thrown");
}
