// `npm run format`: formats every file of ours, TypeScript, JavaScript and JSON with biome (import order too),
// C++ and CUDA with clang-format. `npm run format -- FILE...` does only these.
import { resolve } from "node:path";
import { cppFiles } from "./lib/checks.mjs";
import { indent, line, print } from "./lib/console.mjs";
import { bin } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";

const base = process.env.INIT_CWD ?? process.cwd();
const asked = process.argv.slice(2).map((path) => resolve(base, path));
const cpp = cppFiles().filter((file) => asked.length === 0 || asked.includes(file));
const others = asked.length === 0 ? ["."] : asked.filter((file) => !cpp.includes(file));

async function apply(name, command, args) {
  const result = await run(command, args, { log: `apply-${name}` });
  line(
    result.code === 0 ? "done" : "failed",
    name,
    result.code === 0 ? "formatted" : "could not format",
    result.seconds,
  );
  if (result.code !== 0) {
    print(indent(result.output.trimEnd()));
    process.exitCode = 1;
  }
}

if (others.length > 0) {
  const args = ["check", "--write", "--linter-enabled=false", "--no-errors-on-unmatched", "--colors=off"];
  await apply("format", bin("biome"), [...args, ...others]);
}
if (cpp.length > 0) await apply("format-cpp", bin("clang-format"), ["-i", ...cpp]);
