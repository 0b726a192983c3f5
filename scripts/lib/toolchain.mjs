// Stage 3: a C++ compiler, cmake, make or ninja.
import { readFileSync } from "node:fs";
import { line, withProgress } from "./console.mjs";
import { StageFailure } from "./failure.mjs";
import { ROOT } from "./paths.mjs";
import { run, tail } from "./run.mjs";

const OLDEST = { "g++": 11, "clang++": 14, cmake: [3, 22] };

/** The first version number in a program's answer, as numbers: `cmake version 3.25.1` gives [3, 25, 1]. */
export function parseVersion(text) {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? /(\d+)/.exec(text);
  return match?.slice(1).filter(Boolean).map(Number);
}

export function atLeast(version, wanted) {
  for (let i = 0; i < wanted.length; i++) {
    const have = version[i] ?? 0;
    if (have !== wanted[i]) return have > wanted[i];
  }
  return true;
}

/** `ID` and `ID_LIKE` of an os-release file as one list: ubuntu gives ["ubuntu", "debian"]. */
export function distribution(osRelease) {
  const value = (key) => new RegExp(`^${key}="?([^"\n]*)"?$`, "m").exec(osRelease)?.[1] ?? "";
  return `${value("ID")} ${value("ID_LIKE")}`.split(/\s+/).filter(Boolean);
}

function thisDistribution() {
  try {
    return distribution(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return [];
  }
}

async function versionOf(command) {
  const { code, output } = await run(command, ["--version"]);
  return code === 0 ? parseVersion(output.split("\n")[0] ?? "") : undefined;
}

async function findCompiler() {
  const asked = process.env.CXX;
  for (const command of asked ? [asked] : ["g++", "clang++"]) {
    const version = await versionOf(command);
    const oldest = /clang/.test(command) ? OLDEST["clang++"] : OLDEST["g++"];
    if (version && version[0] >= oldest) return { command, version: version.join(".") };
  }
  return undefined;
}

async function findCmake() {
  const version = await versionOf("cmake");
  return version && atLeast(version, OLDEST.cmake) ? version.join(".") : undefined;
}

async function findMake() {
  for (const command of ["ninja", "make"]) if (await versionOf(command)) return command;
  return undefined;
}

async function findAll() {
  const [compiler, cmake, make] = await Promise.all([findCompiler(), findCmake(), findMake()]);
  return { compiler, cmake, make };
}

/** May we install system packages here? Only as root on Debian and its kin, unless OUTRIGHT_SETUP_APT=never. */
function aptUsable() {
  const debian = thisDistribution().some((name) => name === "debian" || name === "ubuntu");
  return debian && process.getuid?.() === 0 && process.env.OUTRIGHT_SETUP_APT !== "never";
}

let indexRead = false; // package lists are read at most once per run

/** Installs Debian packages; gives undefined where that is not ours to do, else the command's result. */
export async function aptInstall(packages, log) {
  if (!aptUsable()) return undefined;
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const options = ["-o", "DPkg::Lock::Timeout=120"];
  if (!indexRead) {
    await run("apt-get", [...options, "update"], { log: `${log}-update`, env });
    indexRead = true;
  }
  return run("apt-get", [...options, "install", "-y", "--no-install-recommends", ...packages], { log, env });
}

const PACKAGES = {
  apt: {
    compiler: "g++",
    cmake: "cmake",
    make: "make",
    prefix: "sudo apt-get install -y --no-install-recommends",
  },
  dnf: {
    compiler: "gcc-c++",
    cmake: "cmake",
    make: "make",
    prefix: "sudo dnf install -y",
  },
  brew: { compiler: "llvm", cmake: "cmake", make: "make", prefix: "brew install" },
};

/** The command lines that would install `parts`, the one for this system alone where we know it. */
export function installLines(parts, names = thisDistribution(), platform = process.platform) {
  const lineFor = (manager) =>
    `${PACKAGES[manager].prefix} ${parts.map((part) => PACKAGES[manager][part]).join(" ")}`;
  if (platform === "darwin") return [lineFor("brew")];
  if (names.some((name) => ["debian", "ubuntu"].includes(name))) return [lineFor("apt")];
  if (names.some((name) => ["fedora", "rhel", "centos"].includes(name))) return [lineFor("dnf")];
  return ["apt", "dnf", "brew"].map((manager) => `${manager}:  ${lineFor(manager)}`);
}

const WANTED = {
  compiler: `a C++20 compiler (g++ ${OLDEST["g++"]} or newer, or clang++ ${OLDEST["clang++"]} or newer)`,
  cmake: `cmake ${OLDEST.cmake.join(".")} or newer`,
  make: "make or ninja",
};

/**
 * Finds the tools, installs what is missing where that is allowed, else says exactly what to install.
 * @returns {Promise<{ compiler: { command: string, version: string }, cmake?: string, make: string }>}
 *   without `cmake` the addon is built by node-gyp
 */
export async function ensureToolchain() {
  const started = performance.now();
  const duration = () => (performance.now() - started) / 1000;
  let tools = await findAll();
  const missing = () => Object.keys(WANTED).filter((part) => !tools[part]);

  let attempt;
  if (missing().length > 0) {
    const packages = missing().map((part) => PACKAGES.apt[part]);
    attempt = await withProgress("toolchain", `installing ${packages.join(", ")} with apt-get`, () =>
      aptInstall(packages, "toolchain"),
    );
    if (attempt) tools = await findAll();
  }
  const lacking = missing();
  // node-gyp writes makefiles that cannot bear a space in a path, and it needs Python.
  const onlyCmake = lacking.length === 1 && lacking[0] === "cmake" && !/\s/.test(ROOT);
  const gypServes = onlyCmake && (await versionOf("python3")) !== undefined;
  if (lacking.length > 0 && !gypServes) {
    const detail = [
      ...lacking.map((part) => `missing: ${WANTED[part]}`),
      "install it with",
      ...installLines(lacking).map((text) => `  ${text}`),
      "and run the same command again",
      ...(attempt ? ["", "apt-get said:", tail(attempt.output, 10)] : []),
    ].join("\n");
    throw new StageFailure("toolchain", "the native part cannot be built here yet", {
      detail,
      log: attempt?.log,
    });
  }
  // Where g++ is too old and clang++ serves, cmake must not pick g++.
  if (tools.compiler.command !== "g++") process.env.CXX = tools.compiler.command;
  const parts = [
    `${tools.compiler.command} ${tools.compiler.version}`,
    tools.cmake ? `cmake ${tools.cmake}` : "no cmake: node-gyp builds instead",
    tools.make,
  ];
  line("done", "toolchain", parts.join(", ") + (attempt ? " (installed with apt-get)" : ""), duration());
  return tools;
}
