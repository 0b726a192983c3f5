// Stages 4 and 5: the native addon, and TypeScript.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { line, withProgress } from "./console.mjs";
import { StageFailure } from "./failure.mjs";
import { ADDON, bin, CUDA, NATIVE, ROOT } from "./paths.mjs";
import { run } from "./run.mjs";
import { filesBelow, fingerprint, readState, writeState } from "./state.mjs";

/** A build folder that came along with a copied or moved tree still points to the old place; cmake refuses it. */
function dropForeignBuild() {
  const cache = join(NATIVE, "build", "CMakeCache.txt");
  if (!existsSync(cache)) return;
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, "utf8"))?.[1];
  if (home !== NATIVE) rmSync(join(NATIVE, "build"), { recursive: true, force: true });
}

/** What cmake, ninja and compilers say while they work, as one short word of progress: `[3/17] …` or `[ 12%] …`. */
function progressOf(text) {
  return /^\[\s*(\d+\/\d+|\d+%)\]/.exec(text)?.[1];
}

/** Builds the addon and its backends when a source, the compiler or the way of building changed. */
export async function buildNative({ compiler, cmake }) {
  const skip = (name) => name === "node_modules" || name === "test" || name.startsWith("build");
  const sources = [NATIVE, CUDA]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => filesBelow(folder, skip));
  const print = fingerprint(sources, [
    ROOT,
    compiler.command,
    compiler.version,
    cmake ?? "node-gyp",
    process.arch,
  ]);
  if (existsSync(ADDON) && readState().native === print) {
    line("done", "native", "up to date");
    return;
  }
  if (cmake) dropForeignBuild();
  const script = cmake ? "build" : "build:gyp";
  const result = await withProgress(
    "native",
    `compiling the addon with ${cmake ? "cmake" : "node-gyp"}`,
    (say) =>
      run("pnpm", ["--filter", "@outright/native", "run", script], {
        log: "native",
        onLine: (text) => progressOf(text) && say(`compiling the addon ${progressOf(text)}`),
      }),
  );
  if (result.code !== 0)
    throw StageFailure.of(
      "native",
      `the addon does not compile (pnpm --filter @outright/native run ${script})`,
      result,
    );
  if (!existsSync(ADDON))
    throw StageFailure.of(
      "native",
      "the build ended well but made no native/build/Release/outright.node",
      result,
    );
  writeState({ native: print });
  line("done", "native", `addon built by ${cmake ? "cmake" : "node-gyp"}`, result.seconds);
}

/** `tsc -b`; it knows by itself what changed. */
export async function buildTypeScript() {
  const result = await withProgress("TypeScript", "tsc -b", () =>
    run(bin("tsc"), ["-b", "--pretty", "false"], { log: "typescript" }),
  );
  if (result.code !== 0) throw StageFailure.of("TypeScript", "tsc -b found errors", result);
  line("done", "TypeScript", "built", result.seconds);
}
