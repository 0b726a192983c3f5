import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { prepare, rowsOf } from "../dist/prepare.js";

it("rows hold whole paragraphs, all of them, in their order", () => {
  const paragraphs = Array.from({ length: 40 }, (_, i) => `${i} ${"word ".repeat(20 + (i % 7) * 30)}`.trim());
  const text = paragraphs.join("\n\n");
  const rows = rowsOf([text, "alone"]);
  expect(rows.join("\n\n")).toBe(`${text}\n\nalone`);
  expect(rows.at(-1)).toBe("alone");
  expect(Math.max(...rows.map(({ length }) => length))).toBeLessThan(1600);
});

it("a folder without the data is told in one line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "outright-paper-"));
  try {
    await expect(prepare(folder, join(folder, "work"))).rejects.toThrow(
      /alpaca_gpt4\.jsonl: no such file; give the folder that holds alpaca_gpt4\/alpaca_gpt4\.jsonl$/,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
