/** `outright bench`: its options and help text. */
import { type Command, Option } from "commander";
import type { BenchFlags } from "../commands/bench.js";
import type { Output } from "../terminal/output.js";
import { examples } from "./options.js";
import { device, whole, wholeFrom } from "./values.js";

const SHAPES = ["tiny", "14m", "70m", "1b", "8b"];

export function addBench(program: Command, output: Output): void {
  const several = (flags: string, meaning: string, choices: string[]) =>
    new Option(flags, meaning).choices(choices);
  program
    .command("bench")
    .summary("measure the engine on this machine")
    .description(
      "Measures the engine on this machine, on the processor or a GPU: single operations, whole steps beside PyTorch where a Python with torch is found, memory, data, overheads of the policies. What cannot be measured is told as SKIPPED.",
    )
    .argument(
      "[suite...]",
      "ops, head, attention, rows, step, ladder, overhead, generate, memory, data (default: all)",
    )
    .option("--suite <name...>", "the same")
    .addOption(several("--shape <name...>", "shapes of models (default: 14m 70m; on a GPU 1b)", SHAPES))
    .addOption(
      several("--dtype <name...>", "(default: float32 bfloat16; on a GPU bfloat16)", ["float32", "bfloat16"]),
    )
    .addOption(
      several("--kind <name...>", "kinds of steps (default: sft dpo mix; on a GPU sft dpo)", [
        ...["sft", "dpo", "mix"],
      ]),
    )
    .option("--device <name>", "auto, cpu, cuda or cuda:N", device, "auto")
    .option("--batch <count>", "examples, and pairs, of a step (default: 8; on a GPU 128)", wholeFrom(1))
    .option("--tokens <count>", "of one pass at most (default: 2048; on a GPU 16384)", wholeFrom(2))
    .option("--steps <count>", "timed repetitions of everything", wholeFrom(1), 10)
    .option("--threads <count>", "0 = one per physical core", wholeFrom(0), 0)
    .option("--lora <rank>", "step: also adapters of this rank", wholeFrom(1))
    .option("--profile", "step: time, GFLOP/s, GB/s and share of every operation, without PyTorch")
    .option(
      "--data <dir>",
      "folder of real rows (default: OUTRIGHT_TEST_DATA, else rows of the same lengths)",
    )
    .option(
      "--python <path>",
      "a Python with torch and transformers (default: OUTRIGHT_PEER_PYTHON, python3)",
    )
    .option("--no-peer", "leave PyTorch out")
    .addOption(
      several(
        "--allocator <name...>",
        "PyTorch: tried with these, the fastest counts (default: all but default)",
        ["default", "glibc", "tcmalloc", "jemalloc"],
      ),
    )
    .option(
      "--micro-batch <size...>",
      "PyTorch: tried with these, 0 = the whole batch (default: 0 2; on a GPU 32 16)",
      whole,
    )
    .option("--trl", "step: TRL with its defaults too")
    .option("--out <file>", "write the results there as JSON")
    .option("--compare <file...>", "two files of results: how B differs from A, measuring nothing")
    .option("--table", "write the tables of all stored results into bench/README.md, measuring nothing")
    .addHelpText(
      "after",
      examples(
        ["outright bench step --shape 14m --steps 10 --out bench/results/step.json", ""],
        ["outright bench step --profile", "where the time of a step goes"],
        ["outright bench head attention rows --device cuda --shape 8b", "kernels of a GPU at large shapes"],
        ["outright bench --compare before.json after.json", "what changed, beyond noise"],
      ),
    )
    .action(async (suites: string[], flags: BenchFlags) => {
      const { benchCommand } = await import("../commands/bench.js");
      await benchCommand(suites, flags, output);
    });
}
