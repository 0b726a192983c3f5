/** The tables of all stored results in bench/README.md, between two marks. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { readResults } from "./results.js";
import { fileTable } from "./table.js";

const BEGIN = "<!-- results: made by `pnpm bench --table`, do not edit -->";
const END = "<!-- end of results -->";

/** dist/lib → bench/ */
const BENCH = join(import.meta.dirname, "../..");

/** What a script beside the suites wrote (bench:plan, bench:soak, bench:data): named, with the command that made it. */
function ownTable(path: string): string | null {
  const file = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  if (file["version"] !== undefined || typeof file["command"] !== "string") return null;
  const { date, commit, command } = file;
  return `## ${basename(path, ".json")}\n\n${date}, commit ${commit}: \`${command}\`; numbers in [the file](results/${basename(path)})`;
}

/** @returns the file written */
export function writeTables(folder: string = BENCH): string {
  const readme = join(folder, "README.md");
  const results = join(folder, "results");
  const names = existsSync(results) ? readdirSync(results).filter((name) => name.endsWith(".json")) : [];
  const tables = names.sort().map((name) => {
    const path = join(results, name);
    return ownTable(path) ?? fileTable(readResults(path), basename(name, ".json"));
  });
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
