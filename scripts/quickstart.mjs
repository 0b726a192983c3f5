// `npm run quickstart`: sets up what is missing, then runs the main job on its embedded default.
// Arguments are passed on: `npm run quickstart -- --help`.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { print } from "./lib/console.mjs";
import { printFailure } from "./lib/failure.mjs";
import { ROOT } from "./lib/paths.mjs";
import { setup } from "./lib/setup.mjs";

try {
  await setup();
} catch (error) {
  printFailure(error);
  process.exit(1);
}
print();
const command = join(ROOT, "packages", "cli", "bin", "outright.mjs");
// The command's own working directory is the user's, not npm's, so that relative paths mean what they typed.
const child = spawn(process.execPath, [command, "quickstart", ...process.argv.slice(2)], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
  stdio: "inherit",
});
// Ctrl-C reaches the child by itself (same process group); it saves and leaves, and we leave with its code.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("close", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
