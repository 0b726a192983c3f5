// What the last setup did, so that the next one can tell in a moment that nothing has changed.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT, TOOLS } from "./paths.mjs";

const FILE = join(TOOLS, "state.json");

export function readState() {
  try {
    return JSON.parse(readFileSync(FILE, "utf8"));
  } catch {
    return {}; // absent or broken: everything is done anew
  }
}

/** Merges `changes` into the state; written beside and renamed, so that an interrupted run leaves no half file. */
export function writeState(changes) {
  mkdirSync(TOOLS, { recursive: true });
  const next = `${FILE}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify({ ...readState(), ...changes }, null, 2)}\n`);
  renameSync(next, FILE);
}

/** Files below `directory`, sorted, without folders whose name `skip` accepts. */
export function filesBelow(directory, skip = () => false) {
  const found = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isFile()) found.push(path);
    else if (entry.isDirectory() && !skip(entry.name)) found.push(...filesBelow(path, skip));
  }
  return found.sort();
}

/** One hash over names and contents of `files` and over `facts` (versions and the like). */
export function fingerprint(files, facts = []) {
  const hash = createHash("sha256");
  for (const fact of facts) hash.update(`${fact}\0`);
  for (const file of files) {
    hash.update(`${relative(ROOT, file)}\0`);
    if (existsSync(file)) hash.update(readFileSync(file));
    hash.update("\0");
  }
  return hash.digest("hex");
}
