// The stages of the setup in their order. Each prints its line; the first that fails throws a StageFailure.
import { buildNative, buildTypeScript } from "./build.mjs";
import { line } from "./console.mjs";
import { StageFailure } from "./failure.mjs";
import { ensurePnpm, installPackages } from "./pnpm.mjs";
import { ensureToolchain } from "./toolchain.mjs";

const OLDEST_NODE = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const fits = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  if (!fits) {
    throw new StageFailure(
      "node",
      `this is Node ${process.versions.node}, at least ${OLDEST_NODE.join(".")} is needed: install a newer Node and run the same command again`,
    );
  }
  if (process.platform === "win32") {
    throw new StageFailure(
      "node",
      "Windows is not supported yet: use Linux, macOS or the Windows Subsystem for Linux",
    );
  }
}

/** What every other command needs: Node, pnpm, packages, and the tools that compile. */
export async function prepare() {
  checkNode();
  await ensurePnpm();
  await installPackages();
  return ensureToolchain();
}

export async function setup() {
  const started = performance.now();
  const tools = await prepare();
  await buildNative(tools);
  await buildTypeScript();
  line("done", "setup", "ready", (performance.now() - started) / 1000);
}
