// Where things lie. Everything the scripts write goes to .tools/ (git-ignored), never to a global place.
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root, wherever the command was started from. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const TOOLS = join(ROOT, ".tools");
export const LOGS = join(TOOLS, "logs");
export const NATIVE = join(ROOT, "native");
export const CUDA = join(ROOT, "cuda");
/** The built addon; its backends lie beside it. */
export const ADDON = join(NATIVE, "build", "Release", "outright.node");

/** A path as people read it: relative to the root, `.` for the root itself. */
export function shown(path) {
  return relative(ROOT, path) || ".";
}

/** An executable that a package of the workspace's root brings. */
export function bin(name) {
  return join(ROOT, "node_modules", ".bin", name);
}
