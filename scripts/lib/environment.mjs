// The environment that every child process gets.
import { accessSync, constants, mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { TOOLS } from "./paths.mjs";

function writable(directory) {
  if (!directory) return false;
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * npm and pnpm keep caches and the package store under HOME. Where HOME is unset or cannot be written, a folder
 * of ours takes its place, so that nothing else has to be configured.
 */
export function childEnvironment(extra = {}) {
  const environment = { ...process.env };
  if (!writable(environment.HOME)) {
    environment.HOME = join(TOOLS, "home");
    mkdirSync(environment.HOME, { recursive: true });
    // These would point past the replaced HOME.
    for (const name of ["XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"]) {
      if (!writable(environment[name])) delete environment[name];
    }
  }
  environment.PATH = [join(TOOLS, "node_modules", ".bin"), environment.PATH].filter(Boolean).join(delimiter);
  environment.CMAKE_BUILD_PARALLEL_LEVEL ??= String(availableParallelism()); // cmake
  environment.JOBS ??= String(availableParallelism()); // node-gyp
  return { ...environment, ...extra };
}
