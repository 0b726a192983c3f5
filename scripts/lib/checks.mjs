// The checks that are not tests: format, lint, arrows, types. Used by `npm test` and `npm run lint`.
//
// A check gives { status: "passed" | "failed" | "skipped", text, output?, reason? }.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { manifestProblems } from "./arrows.mjs";
import { bin, NATIVE, ROOT, shown, TOOLS } from "./paths.mjs";
import { run } from "./run.mjs";
import { filesBelow } from "./state.mjs";
import { aptInstall } from "./toolchain.mjs";

const CPP = /\.(c|cc|cpp|cu|cuh|h|hpp)$/;

/** C, C++ and CUDA sources of ours. */
export function cppFiles() {
  const skip = (name) => name === "node_modules" || name.startsWith("build");
  return ["native", "cuda", "bench"]
    .map((name) => join(ROOT, name))
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => filesBelow(directory, skip))
    .filter((file) => CPP.test(file));
}

function verdict(result, good, bad) {
  return result.code === 0
    ? { status: "passed", text: good }
    : { status: "failed", text: bad, output: result.output };
}

/** The number in a tool's "Checked 130 files" line. */
function filesChecked(output) {
  return /Checked (\d+) files|on (\d+) files/.exec(output)?.slice(1).find(Boolean) ?? "all";
}

/** A formatter's complaint cut to what is needed: which files (a diff of each is one `npm run format` away). */
function unformatted(result, pattern, checked) {
  if (result.code === 0) return { status: "passed", text: `${checked} files` };
  const files = new Set(result.output.split("\n").flatMap((text) => pattern.exec(text)?.[1] ?? []));
  const output = files.size > 0 ? [...files].join("\n") : result.output; // no file named: the tool itself failed
  return { status: "failed", text: `${files.size} files are not formatted: npm run format`, output };
}

export async function formatTypeScript() {
  const args = ["format", "--colors=off", "--max-diagnostics=none", "."];
  const result = await run(bin("biome"), args, { log: "format" });
  return unformatted(result, /^(\S.*?) format ━/, filesChecked(result.output));
}

export async function formatCpp() {
  const files = cppFiles().map(shown);
  if (files.length === 0) return { status: "skipped", text: "", reason: "there are no C++ sources" };
  const version = await run(bin("clang-format"), ["--version"]);
  if (version.code !== 0) {
    const reason = `the npm package has no clang-format for ${process.platform}-${process.arch}`;
    return { status: "skipped", text: "", reason };
  }
  const args = ["--dry-run", "-Werror", "--ferror-limit=1", ...files];
  const result = await run(bin("clang-format"), args, { log: "format-cpp" });
  return unformatted(result, /^(.*?:\d+):\d+: error/, files.length);
}

export async function lintTypeScript() {
  const args = ["lint", "--colors=off", "--diagnostic-level=error", "--max-diagnostics=50", "."];
  const result = await run(bin("biome"), args, { log: "lint" });
  return verdict(result, `${filesChecked(result.output)} files`, "biome found problems");
}

/** Rules that need types, such as no-floating-promises; they read the packages' built declarations. */
export async function lintTypeAware() {
  const result = await run(bin("oxlint"), ["--deny-warnings"], { log: "lint-types" });
  return verdict(result, `${filesChecked(result.output)} files`, "oxlint found problems");
}

export async function lintCpp() {
  const sources = existsSync(NATIVE) ? cppFiles().filter((file) => file.endsWith(".cpp")) : [];
  if (sources.length === 0) return { status: "skipped", text: "", reason: "there are no C++ sources" };
  const present = async () => (await run("cppcheck", ["--version"])).code === 0;
  if (!(await present())) {
    const attempt = await aptInstall(["cppcheck"], "cppcheck-install");
    if (!(await present())) {
      const reason = attempt ? "apt-get could not install cppcheck" : "cppcheck is not installed";
      return { status: "skipped", text: "", reason };
    }
  }
  const result = await run(
    "cppcheck",
    [
      "--quiet",
      "--std=c++20",
      "--language=c++",
      "--enable=warning,portability",
      "--inline-suppr",
      "--error-exitcode=1",
      "--suppress=missingInclude",
      "--suppress=missingIncludeSystem",
      "--suppressions-list=scripts/lib/cppcheck-suppressions.txt",
      `-j${availableParallelism()}`,
      "-Inative/include",
      ...sources.map(shown),
    ],
    { log: "cppcheck" },
  );
  return verdict(result, `${sources.length} files`, "cppcheck found problems");
}

const CROSS_COMPILER = "aarch64-linux-gnu-g++";

/** Compiles every kernel for NEON, without running it: the variant that x86 machines would else never look at. */
export async function compileNeon() {
  const sources = existsSync(join(NATIVE, "cpu"))
    ? filesBelow(join(NATIVE, "cpu")).filter((file) => file.endsWith(".cpp"))
    : [];
  if (sources.length === 0) return { status: "skipped", text: "", reason: "there are no kernels" };
  if (process.arch === "arm64") {
    return { status: "skipped", text: "", reason: "this processor has NEON: the native stage runs it" };
  }
  if ((await run("cmake", ["--version"])).code !== 0)
    return { status: "skipped", text: "", reason: "cmake is not installed" };
  const present = async () => (await run(CROSS_COMPILER, ["--version"])).code === 0;
  if (!(await present())) {
    const attempt = await aptInstall(["g++-aarch64-linux-gnu"], "neon-install");
    if (!(await present())) {
      const reason = attempt
        ? "apt-get could not install g++-aarch64-linux-gnu"
        : `${CROSS_COMPILER} is not installed`;
      return { status: "skipped", text: "", reason };
    }
  }
  const build = join(NATIVE, "build-neon");
  const configured = await run(
    "cmake",
    [
      ...["-S", NATIVE, "-B", build, "-DOUTRIGHT_ADDON=OFF", "-DOUTRIGHT_CUDA=OFF", "-DOUTRIGHT_WERROR=ON"],
      ...["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"],
      `-DCMAKE_CXX_COMPILER=${CROSS_COMPILER}`,
      "-DCMAKE_CXX_FLAGS_RELEASE=-O0", // nobody runs it
    ],
    { log: "neon-configure" },
  );
  if (configured.code !== 0) return verdict(configured, "", "cmake could not configure the NEON variant");
  const parallel = ["--parallel", String(availableParallelism())];
  const result = await run("cmake", ["--build", build, ...parallel], { log: "neon" });
  return verdict(result, `${sources.length} files compile for NEON`, "the NEON variant does not compile");
}

function manifests() {
  const packages = join(ROOT, "packages");
  const read = (name) => JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8"));
  const names = readdirSync(packages).filter((name) => existsSync(join(packages, name, "package.json")));
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

/** Runs dependency-cruiser with our rules on `paths`; exported for the test that shows that it catches what it should. */
export function cruise(paths, { outputType = "err", log = "arrows" } = {}) {
  const config = join(ROOT, ".dependency-cruiser.mjs");
  return run(bin("depcruise"), ["--config", config, "--output-type", outputType, ...paths], { log });
}

export async function arrows() {
  const problems = manifestProblems(manifests());
  const groups = ["packages", "examples"].flatMap((group) => {
    const directory = join(ROOT, group);
    if (!existsSync(directory)) return [];
    return readdirSync(directory).flatMap((name) =>
      ["src", "test", "bin"].map((part) => `${group}/${name}/${part}`),
    );
  });
  const paths = [...groups, "test", "bench"].filter((path) => existsSync(join(ROOT, path)));
  const result = await cruise(paths);
  if (result.code === 0 && problems.length === 0) {
    return {
      status: "passed",
      text: /\((\d+ modules, \d+ dependencies) cruised\)/.exec(result.output)?.[1] ?? "kept",
    };
  }
  const output = [...problems, result.code === 0 ? "" : result.output].join("\n");
  return { status: "failed", text: "a wrong arrow: the table is in scripts/lib/arrows.mjs", output };
}

/** Sources were checked when they were built; this adds the tests, which are not part of any package. */
export async function types() {
  const build = await run(bin("tsc"), ["-b", "--pretty", "false"], { log: "types" });
  if (build.code !== 0) return verdict(build, "", "tsc -b found errors");
  const info = join(TOOLS, "tests.tsbuildinfo");
  const args = ["-p", "tsconfig.tests.json", "--pretty", "false", "--incremental", "--tsBuildInfoFile", info];
  const tests = await run(bin("tsc"), args, { log: "types-tests" });
  return verdict(tests, "packages and tests", "tsc found errors in the tests");
}

/** In the order in which they are run; `name` is what `--only` takes. */
export const CHECKS = [
  { name: "types", work: types },
  { name: "format", work: formatTypeScript },
  { name: "format-cpp", work: formatCpp },
  { name: "lint", work: lintTypeScript },
  { name: "lint-types", work: lintTypeAware },
  { name: "lint-cpp", work: lintCpp },
  { name: "neon", work: compileNeon },
  { name: "arrows", work: arrows },
];
