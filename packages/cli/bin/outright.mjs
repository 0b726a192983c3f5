#!/usr/bin/env node
// The command. Everything is in src/main.ts; this file only says what to do where nothing is built yet.
import { existsSync } from "node:fs";

const built = new URL("../dist/main.js", import.meta.url);
if (existsSync(built)) {
  const { main } = await import(built.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write("outright: not built yet; run `npm run setup` in the repository's root\n");
  process.exitCode = 1;
}
