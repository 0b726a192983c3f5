// Builds the backends and the operation test without Node, and runs every instruction-set variant, in float32 and
// bfloat16: modes test, grad and invariance; the plainest once more in mode mutate, which tests the test. The plainest
// and the widest variant run the full list, those between them the quick one: only the width of a vector differs. The CUDA kernels run
// too, as plain C++ on an emulation of a GPU (cuda/test/emulation), which looks for races between their threads: the quick list of
// modes test and grad, and attention on tensor cores with its bits in a cache.
//
//   node scripts/native-test.mjs [--sanitize] [--filter TEXT]
//
// --sanitize builds with AddressSanitizer and UndefinedBehaviorSanitizer and runs the quick list on the plainest and
// the widest variant that this processor has, and on the CUDA kernels.
// Ends with "N passed, M failed, K skipped"; exit status 1 when something failed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const NATIVE = join(ROOT, "native");
const MODES = "test,grad,invariance";
const CANNOT_RUN = 77;

const USAGE = "usage: node scripts/native-test.mjs [--sanitize] [--filter TEXT]";
const words = process.argv.slice(2);
const sanitize = words.includes("--sanitize");
const filter = words.includes("--filter") ? words[words.indexOf("--filter") + 1] : undefined;
const unknown = words.filter((word) => word !== "--sanitize" && word !== "--filter" && word !== filter);
if (unknown.length > 0 || (words.includes("--filter") && filter === undefined)) {
  console.error(unknown.length > 0 ? `unknown argument ${unknown[0]}; ${USAGE}` : USAGE);
  process.exit(2);
}

const build = join(NATIVE, sanitize ? "build-asan" : "build-test");
const only = (text) => text.split("\n").filter((line) => line.trim() !== "");

/** Runs a step of the build; its output is shown only when it fails. */
function step(what, command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8" });
  if (error) throw new Error(`${what}: ${command} cannot be started: ${error.message}`);
  if (status !== 0) throw new Error(`${what} failed:\n${stdout}${stderr}`);
}

/** CMake targets of the backends that run the full list, and that the sanitizers look at. */
function plainestAndWidest() {
  if (process.arch !== "x64")
    return [process.arch === "arm64" ? "outright_cpu_neon" : "outright_cpu_baseline"];
  const cpuinfo = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1].split(" "));
  const widest = Object.entries({ avx512bf16: "avx512_bf16", avx512: "avx512vl", avx2: "avx2" }).find(
    ([, flag]) => flags.has(flag),
  )?.[0];
  return ["baseline", ...(widest === undefined ? [] : [widest])].map((name) => `outright_cpu_${name}`);
}

function compile() {
  const started = performance.now();
  const settings = [
    "-DOUTRIGHT_ADDON=OFF",
    "-DOUTRIGHT_TESTS=ON",
    "-DOUTRIGHT_CUDA=OFF", // the library itself is the build's affair
    `-DOUTRIGHT_SANITIZE=${sanitize ? "address;undefined" : ""}`,
    `-DCMAKE_BUILD_TYPE=${sanitize ? "RelWithDebInfo" : "Release"}`,
    // With sanitizers, optimising takes many times as long to compile as it saves in running.
    "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O0 -g1",
  ];
  const targets = sanitize ? ["--target", "op_test", ...plainestAndWidest(), "outright_cuda_emulated"] : [];
  step("configuring the native tests", "cmake", ["-S", NATIVE, "-B", build, ...settings]);
  const parallel = ["--parallel", String(availableParallelism())];
  step("building the native tests", "cmake", ["--build", build, ...parallel, ...targets]);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `built ${sanitize ? "with AddressSanitizer and UBSan" : "the backends and op_test"} in ${seconds} s`,
  );
}

/** Files under `folder` whose name fits. */
function find(folder, pattern) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** Nothing may leak, so nothing is suppressed. */
function sanitizerEnvironment() {
  return {
    ...process.env,
    ASAN_OPTIONS:
      "halt_on_error=1:detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1",
    UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
  };
}

const tally = { passed: 0, failed: 0, skipped: 0 };

/** "outright_cpu_avx2.so" → "cpu-avx2". */
function variant(backend) {
  return /outright_(\w+)\.[a-z]+$/.exec(backend)?.[1].replaceAll("_", "-");
}

/** Starts op_test and collects what it says. */
function start(program, args, more = {}) {
  return new Promise((resolve) => {
    const env = { ...(sanitize ? sanitizerEnvironment() : process.env), ...more };
    const child = spawn(program, args, { cwd: ROOT, env });
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (said.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (said.stderr += text));
    child.on("error", (error) => resolve({ ...said, stderr: error.message, status: null, signal: null }));
    child.on("close", (status, signal) => resolve({ ...said, status, signal }));
  });
}

async function runOne(program, { backend, modes, quick, only: of, worst, env }) {
  const name = [
    variant(backend) + (of === undefined ? "" : ` ${of}`),
    ...Object.entries(env ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(modes === MODES ? [] : [modes]),
    ...(quick ? ["quick list"] : []),
  ].join(", ");
  const args = [modes, "--backend", backend];
  if (quick) args.push("--quick");
  if (worst !== undefined) args.push("--worst", String(worst));
  const wanted = of ?? filter;
  if (wanted !== undefined) args.push("--filter", wanted);
  const started = performance.now();
  const { stdout, stderr, status, signal } = await start(program, args, env);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const lines = only(stdout);
  if (status === CANNOT_RUN) {
    const reason = lines.find((line) => line.startsWith("SKIPPED"))?.replace(/^SKIPPED\s*/, "");
    console.log(`SKIPPED ${name}: ${reason ?? "no reason given"}`);
    tally.skipped += 1;
    return;
  }
  const counts = /^(\d+) passed, (\d+) failed$/.exec(lines.at(-1) ?? "");
  const ended = counts !== null && (status === 0 || status === 1);
  for (const line of lines.filter((text) => text.startsWith("FAIL"))) console.log(line);
  if (!ended) {
    // A crash, a sanitizer's report, or a test that could not begin.
    for (const line of lines.slice(-5)) console.log(line);
    console.log(`${stderr.trimEnd()}\nFAIL ${name}: ended with ${signal ?? `status ${status}`}`);
  }
  const passed = Number(counts?.[1] ?? 0);
  const failed = Math.max(Number(counts?.[2] ?? 0), status === 0 ? 0 : 1);
  tally.passed += passed;
  tally.failed += failed;
  console.log(`${name}: ${passed} passed, ${failed} failed in ${seconds} s`);
}

/** The ways of attention in bfloat16 that have to be asked for, and what only they or the tensor cores' kernels decide. */
function attentionJobs(kernels, emulated) {
  const only = filter ?? "attention";
  const plain = { ...kernels.env, OUTRIGHT_CUDA_ATTENTION: "plain" };
  const warpgroup = { ...kernels.env, OUTRIGHT_CUDA_ATTENTION: "warpgroup" };
  const jobs = [plain, warpgroup].map((env) => ({ ...kernels, modes: "test,grad", only, env }));
  if (only !== "attention") return jobs;
  for (const env of [{}, warpgroup]) {
    jobs.push(
      { backend: emulated, quick: true, modes: "test,invariance", only: "attention_cached", env },
      // of so many numbers of bfloat16 some single ones are farther off; the mean may not be
      {
        ...kernels,
        quick: false,
        worst: 2,
        modes: "test,grad",
        only: "several tiles a block",
        env: { ...kernels.env, ...env },
      },
    );
    // and their bits do not depend on how many a block has; minutes with sanitizers, which see the same above
    if (!sanitize)
      jobs.push({ backend: emulated, modes: "invariance", only: "packed = unpacked, 300 tokens", env });
  }
  return jobs;
}

/** A program of tests that opens no backend. */
async function runProgram(what, file) {
  const program = find(build, file)[0];
  if (program === undefined) return;
  const { stdout, stderr, status } = await start(program, []);
  const counts = /^(\d+) passed, (\d+) failed$/m.exec(stdout);
  const failed = Math.max(Number(counts?.[2] ?? 0), status === 0 ? 0 : 1);
  if (failed > 0) console.log(`${stdout}${stderr}`.trimEnd());
  tally.passed += Number(counts?.[1] ?? 0);
  tally.failed += failed;
  console.log(`${what}: ${counts?.[1] ?? 0} passed, ${failed} failed`);
}

/** Two at a time: the float64 side of each keeps one core busy. */
async function runAll(program, jobs) {
  const waiting = [...jobs];
  const worker = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) await runOne(program, job);
  };
  await Promise.all([worker(), worker()]);
}

try {
  compile();
  const program = find(build, /^op_test(\.exe)?$/)[0];
  // A folder that was used before may hold libraries that were not built now.
  const full = (file) => plainestAndWidest().includes(basename(file, extname(file)));
  const built = (file) => !sanitize || full(file);
  const backends = find(build, /^outright_cpu_\w+\.(so|dylib)$/).filter(built);
  if (program === undefined || backends.length === 0)
    throw new Error(`no op_test or no backend library in ${build}`);
  const jobs = backends.map((backend) => ({ backend, modes: MODES, quick: sanitize || !full(backend) }));
  const plain = backends.find((file) => variant(file) === "cpu-baseline") ?? backends[0];
  jobs.push({ backend: plain, modes: "mutate", quick: sanitize });
  const [emulated] = find(build, /^outright_cuda_emulated\.(so|dylib)$/);
  // the same, and it looks for races; where another compiler than g++ built it, it is not there
  const [races] = sanitize ? [] : find(build, /^outright_cuda_races\.so$/);
  // the longest, so the first
  if (emulated !== undefined) {
    const exact = { OUTRIGHT_CUDA_MEMORY: "exact" };
    const kernels = { backend: races ?? emulated, quick: true, env: exact };
    jobs.unshift({ ...kernels, modes: "test,grad" });
    // products as cuBLASLt is told of them, which the own one takes the place of elsewhere
    if (filter === undefined) {
      const library = { ...exact, OUTRIGHT_EMULATED_CUBLASLT: "1" };
      for (const only of ["linear", "logprob_head"])
        jobs.push({ ...kernels, modes: "test,grad", only, env: library });
    }
    if (filter === undefined || filter.startsWith("attention"))
      jobs.push(...attentionJobs(kernels, emulated));
  }
  if (!sanitize) {
    // what the CUDA backend's host side decides, which no operation shows
    await runProgram("cuda tile lists", /^cuda_tile_lists_test(\.exe)?$/);
    await runProgram("cuda races, whether they are found", /^cuda_races_test$/);
    await runProgram("cuda products of warpgroups, and their rules", /^cuda_warpgroup_test(\.exe)?$/);
  }
  await runAll(program, jobs);
  console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
  process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
