import { gzipSync } from "node:zlib";
import { readMargins } from "@outright/data";
import { describe, expect, it } from "vitest";
import { jsonl, temporary } from "./fixtures.js";

const row = (margin?: unknown) => ({ prompt: "p", chosen: "a", rejected: "b", margin });

describe("readMargins", () => {
  it("gives the margin of every row, by its number, of every kind of file", async () => {
    const rows = [row(1.5), row(-2), row(0), row(1e-3)];
    const text = rows.map((one) => `${JSON.stringify(one)}\n\n`).join("");
    const wanted = [1.5, -2, 0, 1e-3];
    expect([...(await readMargins(temporary("a.jsonl", text)))]).toEqual(wanted);
    expect([...(await readMargins(temporary("a.json", JSON.stringify(rows))))]).toEqual(wanted);
    expect([...(await readMargins(temporary("a.jsonl.gz", gzipSync(text))))]).toEqual(wanted);
  });

  it("names file and row where it is missing or no number", async () => {
    const needs = "loss mmpo needs a number in every row that says how much better its chosen answer is";
    const missing = jsonl([row(1), row()]);
    await expect(readMargins(missing)).rejects.toThrow(
      `${missing}: row 1 (from 0; line 2): field "margin" is missing; ${needs}`,
    );
    for (const margin of ["1.5", true, [1]]) {
      const path = jsonl([row(margin)]);
      await expect(readMargins(path)).rejects.toThrow(
        `${path}: row 0 (from 0; line 1): field "margin" is not a finite number; ${needs}`,
      );
    }
    const endless = temporary("endless.jsonl", '{"margin": 1e999}\n');
    await expect(readMargins(endless)).rejects.toThrow("is not a finite number");
  });

  it("ends where its progress throws", async () => {
    const stop = () => {
      throw new Error("stopped");
    };
    await expect(readMargins(jsonl([row(1)]), { onProgress: stop })).rejects.toThrow(/^stopped$/);
  });
});
