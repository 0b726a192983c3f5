/**
 * The whole comparison, as commands that anyone could type: prepare, train the base, sweep with its report; and the page that sets the figures
 * beside the paper's. It may be stopped or killed at any moment; the same command goes on.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { prepare } from "./prepare.js";
import { store } from "./store.js";

const HERE = dirname(dirname(fileURLToPath(import.meta.url)));

const data = process.argv[2] ?? process.env.OUTRIGHT_TEST_DATA;
const results = resolve(process.argv[3] ?? join(HERE, "work/results"));
if (data === undefined) {
  console.error(
    "usage: pnpm start DATA [RESULTS], where DATA is a folder with alpaca_gpt4/, hh_rlhf/ and text/ (see README.md) and RESULTS one to write (default work/results)",
  );
  process.exit(1);
}

/** Runs `outright` with its words on this terminal, and ends where it ends. */
function outright(...args: string[]): void {
  const bin = join(dirname(createRequire(import.meta.url).resolve("outright")), "../bin/outright.mjs");
  console.log(`\n$ npx outright ${args.join(" ")}`);
  const { status, signal } = spawnSync(process.execPath, [bin, ...args], { stdio: "inherit", cwd: HERE });
  if (signal !== null || status !== 0) process.exit(status ?? 1);
}

try {
  // Ctrl-C reaches the command too, which saves; this process waits for it
  process.on("SIGINT", () => {});
  await prepare(data, join(HERE, "work"));
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
if (!existsSync(join(HERE, "work/base/model/config.json"))) outright("train", "base.yaml", "--resume");
outright("sweep", "sweep.yaml");
store(HERE, join(HERE, "work/sweep"), results, "pnpm start DATA");
console.log(`\nbeside the paper: ${join(relative(process.cwd(), results), "README.md")}`);
