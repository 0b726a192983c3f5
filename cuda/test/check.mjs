// What cuda/check.sh does; `--only build,operations` parts of it. `--emulated` takes the emulation on the host in the
// GPU's place, and what it says for the models: test/cuda.test.ts runs that everywhere.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { BENCHMARKS, judged, WARPGROUP } from "./check/benchmarks.mjs";
import { compareRuns, differences, scoresOf, writeRun } from "./check/runs.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const NATIVE = join(ROOT, "native");
const MINUTE = 60_000;

const PARTS = ["build", "operations", "sanitizers", "goldens", "training", "benchmarks"];

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: PARTS.join(",") },
    out: { type: "string", default: join(ROOT, "cuda-check.json") },
    quick: { type: "boolean", default: false },
    emulated: { type: "boolean", default: false },
  },
});
const parts = flags.only.split(",");
const unknown = parts.find((part) => !PARTS.includes(part));
if (unknown !== undefined) {
  console.error(`--only ${unknown}: there is no such part; there are ${PARTS.join(", ")}`);
  process.exit(2);
}
// the emulation has its operation test in scripts/native-test.mjs, and times that mean nothing
const asked = (part) =>
  parts.includes(part) && (!flags.emulated || part === "goldens" || part === "training");
const build = join(NATIVE, flags.emulated ? "build-test" : "build");
const folder = join(tmpdir(), `outright-cuda-check-${process.pid}`);
mkdirSync(folder, { recursive: true });

const results = [];
/** Notes a result, and shows it at once. */
function conclude(name, status, text, details = {}) {
  results.push({ name, status, text, ...details });
  console.log(`${{ passed: "✓", failed: "✗", skipped: "○ SKIPPED" }[status]} ${name}: ${text}`);
}

function run(command, args, { minutes = 5, env = {} } = {}) {
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    timeout: minutes * MINUTE,
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  });
  const seconds = (performance.now() - started) / 1000;
  return {
    status,
    output: `${stdout ?? ""}${stderr ?? ""}${error === undefined ? "" : error.message}`,
    seconds,
  };
}

/** The same beside others. */
async function start(command, args, { minutes, env }) {
  const started = performance.now();
  const child = spawn(command, args, {
    cwd: ROOT,
    timeout: minutes * MINUTE,
    env: { ...process.env, ...env },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part) => {
      output = (output + part).slice(-1_000_000);
    });
  const status = await new Promise((resolve) => {
    child.on("error", () => resolve(-1));
    child.on("close", resolve);
  });
  return { status, output, seconds: (performance.now() - started) / 1000 };
}

const last = (text) => text.trimEnd().split("\n").at(-1) ?? "";
const present = (command) => spawnSync(command, ["--version"]).status === 0;

/** Whether the GPU has products of warpgroups; a second way of attention is then looked at too. */
const hasWarpgroups = (() => {
  const asked = ["--query-gpu=compute_cap", "--format=csv,noheader"];
  const { status, stdout } = spawnSync("nvidia-smi", asked, { encoding: "utf8" });
  return status === 0 && stdout.trim().split("\n")[0] === "9.0";
})();
const NO_WARPGROUPS = "products of warpgroups take a GPU of compute capability 9.0";

/** cmake, without npm: node-api-headers and node-addon-api lie in node_modules. */
function compile() {
  const find = createRequire(join(NATIVE, "package.json"));
  const headers = [
    find("node-api-headers").include_dir,
    find("node-addon-api").include_dir.replaceAll('"', ""),
  ];
  const settings = [
    ...["-S", NATIVE, "-B", build, "-DCMAKE_BUILD_TYPE=Release"],
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(build, "Release")}`,
    `-DCMAKE_JS_INC=${headers.map((path) => resolve(path)).join(";")}`,
    ...["-DOUTRIGHT_TESTS=ON", "-DOUTRIGHT_CUDA=ON"],
    // "native" would leave out what 9.0 has and later ones have not
    `-DOUTRIGHT_CUDA_ARCHITECTURES=${hasWarpgroups ? "90a-real" : "native"}`,
  ];
  const configured = run("cmake", settings);
  const made =
    configured.status === 0
      ? run("cmake", ["--build", build, "--parallel", String(availableParallelism())], { minutes: 8 })
      : configured;
  // as where products of warpgroups wait for one another
  const slow = /Potential Performance Loss: [^\n]*/.exec(made.output)?.[0];
  const seconds = (configured.seconds + made.seconds).toFixed(0);
  const text =
    made.status === 0 ? `in ${seconds} s${slow === undefined ? "" : `; ${slow}`}` : made.output.slice(-3000);
  conclude("build", made.status === 0 ? "passed" : "failed", text);
  return made.status === 0;
}

const library = flags.emulated
  ? join(build, "cuda/test/outright_cuda_emulated.so")
  : join(build, "Release/outright_cuda.so");
const opTest = join(build, "test/op_test");
const device = "cuda";
// the emulation does not lie beside the addon
const environment = flags.emulated ? { OUTRIGHT_BACKEND_PATH: dirname(library) } : {};

/** What has to be asked for: attention in bfloat16 without tensor cores, products without cuBLASLt. */
const PLAIN = { OUTRIGHT_CUDA_ATTENTION: "plain" };
const OWN = { OUTRIGHT_CUDA_MATMUL: "plain" };

/** Blocks of device memory end where they were asked to, and no kernel is another's. */
const EXACT = { OUTRIGHT_CUDA_MEMORY: "exact", ...OWN };

const SANITIZED = Object.entries({
  memcheck: ["norm", "attention", "head", "adamw", "embedding", "rotary", "linear", "dpo"],
  racecheck: ["norm", "attention", "head", "linear"],
}).flatMap(([tool, filters]) => [
  ...filters.map((filter) => ({ tool, filter, way: "", env: {} })),
  { tool, filter: "attention", way: "plain ", env: PLAIN },
  { tool, filter: "attention", way: "warpgroup ", env: WARPGROUP },
]);

function operations() {
  const quick = flags.quick ? ["--quick"] : [];
  for (const { name, args, env } of [
    { name: "operations", args: ["test,grad"], env: PLAIN },
    { name: "own products", args: ["test,grad", "--filter", "linear", "--quick"], env: OWN },
    { name: "head by own products", args: ["test,grad", "--filter", "logprob_head", "--quick"], env: OWN },
    {
      name: "attention on tensor cores",
      args: ["test,grad,invariance", "--filter", "attention", "--worst", "5"],
      env: {},
    },
    {
      name: "attention by warpgroups",
      args: ["test,grad,invariance", "--filter", "attention", "--worst", "5"],
      env: WARPGROUP,
    },
  ]) {
    if (env === WARPGROUP && !hasWarpgroups) {
      conclude(name, "skipped", NO_WARPGROUPS);
      continue;
    }
    const { status, output, seconds } = run(opTest, [...args, "--backend", library, ...quick], {
      minutes: 6,
      env,
    });
    const failures = output.split("\n").filter((line) => line.startsWith("FAIL"));
    for (const line of failures.slice(0, 40)) console.log(`  ${line}`);
    conclude(name, status === 0 ? "passed" : "failed", `${last(output)} in ${seconds.toFixed(0)} s`, {
      failures,
    });
  }
}

/** A reduced list: every group of kernels once, odd shapes; all at once, since most of their time is the host's. */
async function sanitizers() {
  if (!present("compute-sanitizer")) {
    conclude("compute-sanitizer", "skipped", "compute-sanitizer is not installed");
    return;
  }
  await Promise.all(
    SANITIZED.map(async ({ tool, filter, way, env }) => {
      const name = `${tool} ${way}${filter}`;
      if (env === WARPGROUP && !hasWarpgroups) {
        conclude(name, "skipped", NO_WARPGROUPS);
        return;
      }
      const asked = ["--tool", tool, "--error-exitcode", "9", opTest];
      const args = [...asked, "test", "--backend", library, "--quick", "--filter", filter];
      const { status, output, seconds } = await start("compute-sanitizer", args, {
        minutes: 2,
        env: { ...EXACT, ...env },
      });
      // a list that is not done in its time says nothing about what was looked at so far
      const state = status === 0 ? "passed" : status === null ? "skipped" : "failed";
      const text =
        state === "skipped" ? "not done within two minutes" : `${last(output)} in ${seconds.toFixed(0)} s`;
      conclude(name, state, text, state === "failed" ? { output: output.slice(-4000) } : {});
    }),
  );
}

function outright(args, minutes = 3, env = {}) {
  return run(process.execPath, [join(ROOT, "packages/cli/bin/outright.mjs"), ...args], {
    minutes,
    env: { ...environment, ...env },
  });
}

/** Log-probs of the golden rows: the CPU's are held to float64 by its own tests. */
function goldens() {
  for (const model of ["llama-nano", "llama-nano-tied", "neox-nano"]) {
    for (const [rows, format] of [
      ["sft", "alpaca"],
      ["dpo", "pairs"],
    ]) {
      const scores = ["cpu", device].map((on) =>
        scoresOf(outright, { ROOT, folder, model, rows, format, device: on }),
      );
      const failed = scores.find((score) => score.error !== undefined);
      if (failed !== undefined) {
        conclude(`goldens ${model} ${rows}`, "failed", failed.error);
        continue;
      }
      const worst = differences(scores[0].values, scores[1].values);
      conclude(
        `goldens ${model} ${rows}`,
        worst < 1e-4 ? "passed" : "failed",
        `apart by ${worst.toExponential(1)}`,
      );
    }
  }
}

/** 200 steps beside the CPU's; and twice on the GPU, which must give the same numbers. */
function training() {
  const steps = flags.quick ? 5 : 200;
  for (const [dtype, allowed] of [
    ["float32", 1e-3],
    ["bfloat16", 2e-2],
  ]) {
    // minutes on the emulation, whose bfloat16 the operation test covers
    if (flags.emulated && dtype === "bfloat16") continue;
    const runs = ["cpu", device, device].map((on, i) => {
      const at = join(folder, `${dtype}-${i}`);
      const config = writeRun({ ROOT, folder: at, device: on, dtype, steps });
      const { status, output } = outright(["train", config], 5);
      return { at, error: status === 0 ? undefined : last(output) };
    });
    const failed = runs.find(({ error }) => error !== undefined);
    if (failed !== undefined) {
      conclude(`training ${dtype}`, "failed", failed.error);
      continue;
    }
    const [cpu, gpu, again] = runs.map(({ at }) => at);
    const worst = compareRuns(cpu, gpu);
    conclude(
      `training ${dtype}`,
      worst <= allowed ? "passed" : "failed",
      `losses of ${steps} steps apart from the CPU's by ${(100 * worst).toFixed(3)} % at most (${100 * allowed} %)`,
    );
    const repeated = compareRuns(gpu, again);
    conclude(`same bits ${dtype}`, repeated === 0 ? "passed" : "failed", `two runs apart by ${repeated}`);
  }
}

function benchmarks() {
  for (const [name, args, env] of BENCHMARKS) {
    if (env === WARPGROUP && !hasWarpgroups) {
      conclude(`benchmarks of ${name}`, "skipped", NO_WARPGROUPS);
      continue;
    }
    const out = join(folder, `${name}.json`);
    const asked = ["bench", ...args, "--device", device, "--out", out];
    const { status, output, seconds } = outright(asked, 5, env);
    console.log(output.trimEnd());
    // a suite that was done stands in the file even where a later one failed
    const suites = existsSync(out) ? JSON.parse(readFileSync(out, "utf8")).suites : [];
    const done = suites.map(({ suite }) => suite).join(", ");
    const text =
      status === 0
        ? `${done} in ${seconds.toFixed(0)} s`
        : `${status === null ? "not done within 5 minutes" : last(output)}; done: ${done || "nothing"}`;
    conclude(`benchmarks of ${name}`, status === 0 ? "passed" : "failed", text, { suites });
    const way = env === undefined ? "" : `${name}, `;
    for (const goal of judged(suites)) conclude(`goal: ${way}${goal.name}`, goal.status, goal.text);
  }
}

if (asked("build")) compile();
if (existsSync(library) && existsSync(opTest)) {
  if (asked("operations")) operations();
  if (asked("sanitizers")) await sanitizers();
  if (asked("goldens")) goldens();
  if (asked("training")) training();
  if (asked("benchmarks")) benchmarks();
} else {
  conclude("library", "failed", `${library} was not built`);
}
rmSync(folder, { recursive: true, force: true });

const count = (status) => results.filter((result) => result.status === status).length;
const doctor = outright(["doctor"]).output;
const gpu = /hardware\s+(.*)/.exec(doctor)?.[1] ?? "";
const date = new Date().toISOString().slice(0, 10);
const version = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;
writeFileSync(flags.out, `${JSON.stringify({ date, version, gpu, doctor, results }, null, 2)}\n`);
console.log(`wrote ${flags.out}`);
console.log(`${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`);
process.exitCode = count("failed") === 0 && count("passed") > 0 ? 0 : 1;
