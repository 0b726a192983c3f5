// `npm test`: sets up what is missing, then runs every check and every test.
//
//   npm test -- --only=vitest            one stage, or several: --only=types,arrows,vitest
//   npm test -- --skip=sanitize          all but these
//   npm test -- --only=vitest packages/tensor -t "linear"    the rest goes to vitest
//
// Ends with one line, `N passed, M failed, K skipped`: tests counted one by one, each check as one.
import { buildNative, buildTypeScript } from "./lib/build.mjs";
import { CHECKS } from "./lib/checks.mjs";
import { indent, line, print, withProgress } from "./lib/console.mjs";
import { printFailure } from "./lib/failure.mjs";
import { prepare } from "./lib/setup.mjs";
import { sayIndented, TESTS } from "./lib/tests.mjs";

const STAGES = [...CHECKS.map((check) => check.name), ...TESTS.map((test) => test.name)];

function parse(args) {
  const options = { only: undefined, skip: [], rest: [] };
  for (const arg of args) {
    const match = /^--(only|skip)=(.*)$/.exec(arg);
    if (!match) {
      options.rest.push(arg);
      continue;
    }
    const names = match[2].split(",").filter(Boolean);
    const unknown = names.find((name) => !STAGES.includes(name));
    if (unknown !== undefined || names.length === 0) {
      print(
        `--${match[1]}: ${unknown ? `there is no stage "${unknown}"` : "no stage named"}; the stages are ${STAGES.join(", ")}`,
      );
      process.exit(2);
    }
    options[match[1]] = names;
  }
  return options;
}

const options = parse(process.argv.slice(2));
const chosen = (name) => (options.only?.includes(name) ?? true) && !options.skip.includes(name);
const total = { passed: 0, failed: 0, skipped: [] };
const failedStages = [];

function conclude(name, result, duration) {
  const mark = { passed: "done", failed: "failed", skipped: "skipped" }[result.status];
  line(
    mark,
    name,
    result.status === "skipped" ? `SKIPPED: ${result.reason ?? result.text}` : result.text,
    duration,
  );
  if (result.status === "failed") {
    failedStages.push(name);
    if (result.output) print(indent(result.output.trimEnd()));
  }
}

async function timed(work) {
  const started = performance.now();
  let result;
  try {
    result = await work();
  } catch (error) {
    // A broken stage is a failed one; the later stages still run.
    const output = error instanceof Error ? (error.stack ?? error.message) : String(error);
    result = { status: "failed", text: "the stage itself broke", output, passed: 0, failed: 1, skipped: [] };
  }
  return [result, (performance.now() - started) / 1000];
}

async function runChecks() {
  for (const { name, work } of CHECKS.filter((check) => chosen(check.name))) {
    const [result, duration] = await timed(() => withProgress(name, "checking", work));
    conclude(name, result, duration);
    if (result.status === "skipped") total.skipped.push({ name, reason: result.reason });
    else total[result.status] += 1;
  }
}

async function runTests() {
  for (const { name, work } of TESTS.filter((test) => chosen(test.name))) {
    print(`… ${name}`);
    const [result, duration] = await timed(() => work(sayIndented, options.rest));
    conclude(name, result, duration);
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped.push(...result.skipped);
  }
}

function finish(started) {
  const minutes = (performance.now() - started) / 60_000;
  print();
  if (total.skipped.length > 0) {
    print("skipped:");
    for (const { name, reason } of total.skipped) print(`  ${name}: ${reason}`);
  }
  if (failedStages.length > 0) print(`failed: ${failedStages.join(", ")}`);
  print(`${minutes.toFixed(1)} minutes`);
  print(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** A part that does not build is one failure; what does not need it still runs. */
async function build(tools) {
  let built = true;
  for (const work of [() => buildNative(tools), buildTypeScript]) {
    try {
      await work();
      total.passed += 1;
    } catch (error) {
      printFailure(error);
      total.failed += 1;
      failedStages.push(error.stage ?? "build");
      built = false;
    }
  }
  return built;
}

const started = performance.now();
try {
  const tools = await prepare();
  total.passed += 1;
  const built = await build(tools);
  print();
  await runChecks();
  if (built) await runTests();
  else {
    const names = TESTS.map((test) => test.name).filter(chosen);
    total.skipped.push(...names.map((name) => ({ name, reason: "the build failed" })));
  }
} catch (error) {
  // Without packages nothing else can run.
  printFailure(error);
  total.failed += 1;
  failedStages.push("setup");
}
finish(started);
