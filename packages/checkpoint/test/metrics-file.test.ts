import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MetricsFile } from "@outright/checkpoint";
import { describe, expect, it } from "vitest";
import { errorOf, temporaryDirectory } from "./temporary.js";

const dir = temporaryDirectory();
const path = join(dir, "metrics.jsonl");
const lines = () =>
  readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe("MetricsFile", () => {
  it("appends lines of full precision, and goes on where it ended", () => {
    writeFileSync(path, "");
    const first = new MetricsFile(path);
    first.append({ type: "step", loss: 0.1 + 0.2, note: "a\nb" });
    expect(lines()).toEqual([{ type: "step", loss: 0.30000000000000004, note: "a\nb" }]); // there before any flush
    first.flush();
    first.close();
    const second = new MetricsFile(path);
    expect(second.byteLength).toBe(readFileSync(path).byteLength);
    second.append({ type: "eval", text: "\u00e9\u{1f600}" });
    expect(second.byteLength).toBe(readFileSync(path).byteLength);
    second.close();
    expect(lines().length).toBe(2);
  });

  it("is cut back to where a checkpoint was taken", () => {
    writeFileSync(path, "");
    const file = new MetricsFile(path);
    for (let step = 1; step <= 2; step++) file.append({ step });
    const atCheckpoint = file.byteLength;
    for (let step = 3; step <= 5; step++) file.append({ step });
    file.close();
    writeFileSync(path, `${readFileSync(path, "utf8")}{"step":`); // killed within a line
    const resumed = new MetricsFile(path);
    resumed.truncateTo(atCheckpoint);
    resumed.append({ step: 3, again: true });
    resumed.close();
    expect(lines()).toEqual([{ step: 1 }, { step: 2 }, { step: 3, again: true }]);
  });

  it("refuses to be cut where it is shorter, or within a line", () => {
    writeFileSync(path, '{"step":1}\n');
    const file = new MetricsFile(path);
    expect(errorOf(() => file.truncateTo(12))).toBe(
      `${path}: has 11 bytes, the checkpoint was taken at 12; put the file back or resume from an earlier checkpoint`,
    );
    expect(errorOf(() => file.truncateTo(5))).toContain("no line ends at byte 5");
    expect(readFileSync(path, "utf8")).toBe('{"step":1}\n');
    file.truncateTo(0);
    file.close();
    expect(readFileSync(path, "utf8")).toBe("");
  });
});
