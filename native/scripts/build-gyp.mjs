// Builds the addon with node-gyp, for machines without cmake. node-gyp would download Node's headers; they are beside
// the running Node already, in its installation's include/node.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const native = join(dirname(fileURLToPath(import.meta.url)), "..");
const nodedir = join(dirname(process.execPath), "..");
const header = join(nodedir, "include", "node", "node_api.h");
if (!existsSync(header)) {
  console.error(`Node's headers are not installed (${header} is missing): install them, or cmake and use "build"`);
  process.exit(1);
}

const nodeGyp = createRequire(import.meta.url).resolve("node-gyp/bin/node-gyp.js");
const words = ["rebuild", `--nodedir=${nodedir}`, "--jobs=max", ...process.argv.slice(2)];
const { status, error } = spawnSync(process.execPath, [nodeGyp, ...words], { cwd: native, stdio: "inherit" });
if (error) console.error(`node-gyp cannot be started: ${error.message}`);
process.exit(status ?? 1);
