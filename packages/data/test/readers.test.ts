import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import { readRows } from "@outright/data";
import { describe, expect, it } from "vitest";
import { collect, realData, temporary } from "./fixtures.js";

const values = async (path: string) => (await collect(readRows(path))).map(({ value }) => value);

async function failure(path: string): Promise<string> {
  const error = await collect(readRows(path)).then(
    () => new Error("nothing was thrown"),
    (thrown: Error) => thrown,
  );
  expect(error.message).not.toContain("\n");
  return error.message.replace(path, "FILE");
}

describe("readRows", () => {
  const rows = [{ a: 1 }, { a: "zwei\nü\u2028" }, { a: null }];
  const lines = rows.map((row) => JSON.stringify(row));

  it.each([
    ["lines", "x.jsonl", `${lines.join("\n")}\n`],
    ["no line break at the end", "x.ndjson", lines.join("\n")],
    ["CRLF", "x.jsonl", lines.join("\r\n")],
    ["a byte order mark", "x.jsonl", `\ufeff${lines.join("\n")}`],
    ["an array", "x.json", JSON.stringify(rows, null, 2)],
    ["an array with a byte order mark", "x.json", `\ufeff${JSON.stringify(rows)}`],
    ["an upper-case extension", "x.JSONL", lines.join("\n")],
  ])("reads %s", async (_, name, content) => {
    expect(await values(temporary(name, content))).toEqual(rows);
  });

  it("reads gzip of both", async () => {
    expect(await values(temporary("x.jsonl.gz", gzipSync(lines.join("\n"))))).toEqual(rows);
    expect(await values(temporary("x.json.gz", gzipSync(JSON.stringify(rows))))).toEqual(rows);
  });

  it("numbers rows without blank lines and lines with them", async () => {
    const path = temporary("x.jsonl", '\n{"a":0}\n\n  \n{"a":1}\n');
    expect(await collect(readRows(path))).toEqual([
      { row: 0, line: 2, value: { a: 0 } },
      { row: 1, line: 5, value: { a: 1 } },
    ]);
  });

  it("joins lines that reach over chunks, multi-byte characters included", async () => {
    const long = Array.from({ length: 40 }, (_, i) => ({ i, text: "é€😀".repeat(5000 + 997 * i) }));
    expect(await values(temporary("x.jsonl", long.map((row) => JSON.stringify(row)).join("\n")))).toEqual(
      long,
    );
  });

  it("reports progress up to the whole file", async () => {
    const path = temporary("x.jsonl", lines.join("\n"));
    const seen: { bytes: number; totalBytes: number; rows: number }[] = [];
    await collect(readRows(path, { onProgress: (progress) => seen.push(progress) }));
    expect(seen.length).toBeGreaterThan(1);
    const last = seen.at(-1);
    expect(last?.bytes).toBe(last?.totalBytes);
    expect(last?.rows).toBe(3);
  });

  it("splits a text at <|endoftext|>, or takes it whole", async () => {
    expect(await values(temporary("x.txt", "\nOne.\n<|endoftext|>\n Two.\n<|endoftext|>\n"))).toEqual([
      { text: "One." },
      { text: "Two." },
    ]);
    expect(await values(temporary("x.txt", "One.\nTwo.\n"))).toEqual([{ text: "One.\nTwo.\n" }]);
  });

  it("stops reading when the caller does", async () => {
    for await (const { row } of readRows(temporary("x.jsonl", `${lines.join("\n")}\nnot json`))) {
      if (row === 1) break;
    }
  });

  it.each([
    [
      "x.jsonl",
      '{"a":1}\n\n{"a":\n',
      "FILE: row 1 (from 0; line 3) is not valid JSON: Unexpected end of JSON input",
    ],
    ["x.jsonl", '{"a":1}\n[1]', "FILE: row 1 (from 0; line 2) is an array, but a row must be an object"],
    ["x.jsonl", "null", "FILE: row 0 (from 0; line 1) is null, but"],
    [
      "x.json",
      '[{"a":1},\n {"a":[2,{}]},\n\n {"a" 3}]',
      "FILE: row 2 (from 0; line 4) is not valid JSON: Expected",
    ],
    ["x.json", '[{"a":"]},{"},\n {"b', "FILE: row 1 (from 0; line 2) is not valid JSON"],
    ["x.json", '[{"a":1}\n] more', "FILE: not valid JSON after row 0 (from 0; line 2)"],
    ["x.json", '[{"a":1}, 7]', "FILE: row 1 (from 0) is a number"],
    ["x.json", '{"a":1}\n{"a":2}', "one object per line name it .jsonl"],
    ["x.json", " \n", "FILE: the file is empty"],
    ["x.json", "[]", "FILE: there are no rows"],
    ["x.jsonl", "", "FILE: the file is empty"],
    ["x.jsonl", "\n\n", "FILE: there are no rows"],
    ["x.txt", " \n", "FILE: there are no rows"],
    [
      "x.parquet",
      "PAR1",
      "FILE: .parquet files are not read yet; supported are .json, .jsonl, .ndjson (each also with .gz) and .txt",
    ],
    ["x.jsonl.zst", "x", "FILE: .zst files are not read yet"],
    ["x.csv", "x", "FILE: .csv files are not read yet"],
    ["x.arrow", "x", "FILE: .arrow files are not read yet"],
    ["x", "x", "FILE: unknown kind of file; supported"],
    ["x.jsonl.gz", "no gzip", "FILE: the gzip data is damaged or cut short"],
    ["x.json.gz", "no gzip", "FILE: the gzip data is damaged or cut short"],
  ])("says in one line what is wrong: %s %j", async (name, content, message) => {
    expect(await failure(temporary(name, content))).toContain(message);
  });

  it("says so for a cut gzip, a missing file and a directory", async () => {
    const whole = gzipSync(JSON.stringify({ a: "x".repeat(1000) }));
    expect(await failure(temporary("x.jsonl.gz", whole.subarray(0, -12)))).toContain("damaged or cut short");
    expect(await failure("no/such/file.jsonl")).toBe("FILE: there is no such file");
    const folder = `${dirname(temporary("x", "x"))}.jsonl`;
    const { mkdirSync } = await import("node:fs");
    mkdirSync(folder);
    expect(await failure(folder)).toContain("FILE: is a directory");
  });

  const official = realData("hh_rlhf/official_test/harmless-base.test.jsonl.gz");
  it.skipIf(official === null)("reads a real gzip file of 2,312 rows", async () => {
    const rows = await collect(readRows(official as string));
    expect(rows).toHaveLength(2312);
    expect(Object.keys(rows[2311]?.value ?? {}).sort()).toEqual(["chosen", "rejected"]);
  });
});
