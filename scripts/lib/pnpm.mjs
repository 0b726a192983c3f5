// Stages 1 and 2: the package manager, and the packages.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { line, withProgress } from "./console.mjs";
import { StageFailure } from "./failure.mjs";
import { ROOT, TOOLS } from "./paths.mjs";
import { run } from "./run.mjs";
import { fingerprint, readState, writeState } from "./state.mjs";

export const PNPM_VERSION = "12.21.0";
const MAJOR = PNPM_VERSION.split(".")[0];

async function pnpmOnPath() {
  // childEnvironment puts .tools first, so this finds ours too.
  const { code, output } = await run("pnpm", ["--version"], { cwd: TOOLS });
  const version = output.trim().split("\n").at(-1) ?? "";
  return code === 0 && version.split(".")[0] === MAJOR ? version : undefined;
}

/** Finds pnpm, or installs it with npm into .tools/; the machine's own state stays as it is. */
export async function ensurePnpm() {
  mkdirSync(TOOLS, { recursive: true });
  const found = await pnpmOnPath();
  if (found) {
    line("done", "pnpm", `${found} found`);
    return;
  }
  // A package.json makes .tools/ the place that npm installs into. (`--prefix` would do so too, but then npm looks for
  // the machine's own npmrc, with its registry and certificates, below that folder, and misses it.)
  writeFileSync(join(TOOLS, "package.json"), '{ "private": true }\n');
  const args = [
    "install",
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    `pnpm@${PNPM_VERSION}`,
  ];
  const result = await withProgress("pnpm", `installing ${PNPM_VERSION} with npm into .tools/`, () =>
    run("npm", args, { log: "pnpm", cwd: TOOLS }),
  );
  if (result.code !== 0 || !(await pnpmOnPath())) {
    throw StageFailure.of(
      "pnpm",
      `npm could not install pnpm ${PNPM_VERSION}: look at the lines below, or install it yourself (npm i -g pnpm@${PNPM_VERSION})`,
      result,
    );
  }
  line("done", "pnpm", `${PNPM_VERSION} installed into .tools/`, result.seconds);
}

/** Everything that decides what `pnpm install` would do. */
function manifests() {
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "native/package.json"].map((name) =>
    join(ROOT, name),
  );
  for (const group of ["packages", "examples"]) {
    const directory = join(ROOT, group);
    if (!existsSync(directory)) continue;
    for (const name of readdirSync(directory).sort()) {
      const file = join(directory, name, "package.json");
      if (existsSync(file)) files.push(file);
    }
  }
  return files;
}

/** `pnpm install --frozen-lockfile`, only when a manifest or the lockfile changed since it last succeeded. */
export async function installPackages() {
  const print = fingerprint(manifests(), [ROOT]);
  if (existsSync(join(ROOT, "node_modules", ".modules.yaml")) && readState().packages === print) {
    line("done", "packages", "up to date");
    return;
  }
  // Without a terminal pnpm would stop and ask before it rebuilds a node_modules made with another store.
  const result = await withProgress("packages", "installing from the npm registry", (say) =>
    run(
      "pnpm",
      ["install", "--frozen-lockfile", "--config.confirmModulesPurge=false", "--reporter=append-only"],
      {
        log: "packages",
        onLine: (text) => /^Progress:/.test(text) && say(text),
      },
    ),
  );
  if (result.code !== 0) throw StageFailure.of("packages", "pnpm install failed", result);
  writeState({ packages: print });
  line("done", "packages", "installed", result.seconds);
}
