/** The tables of all stored results in bench/README.md, between two marks. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { readResults } from "./results.js";
import { fileTable } from "./table.js";

const BEGIN = "<!-- results: made by `pnpm bench --table`, do not edit -->";
const END = "<!-- end of results -->";

/** dist/lib → bench/ */
const BENCH = join(import.meta.dirname, "../..");

/** @returns the file written */
export function writeTables(folder: string = BENCH): string {
  const readme = join(folder, "README.md");
  const results = join(folder, "results");
  const tables = readdirSync(results)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => fileTable(readResults(join(results, name)), basename(name, ".json")));
  writeFileSync(readme, replaceBetween(readFileSync(readme, "utf8"), tables.join("\n\n"), readme));
  return readme;
}

/** @throws where the marks are missing */
export function replaceBetween(text: string, tables: string, where: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${where}: the marks "${BEGIN}" and "${END}" are not there`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${tables}\n\n${text.slice(end)}`;
}
