/** `outright eval winrate`: its options and help text. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { WinrateFlags } from "../commands/eval-winrate.js";
import type { Output } from "../terminal/output.js";
import { addDevice, examples, type Outcome, TEMPLATES } from "./options.js";
import { positive, wholeFrom } from "./values.js";

export function addWinrate(parent: Command, output: Output, outcome: Outcome): void {
  const command = parent
    .command("winrate")
    .summary("let a judge compare a model's outputs with others")
    .description(
      "Lets a judge compare a model's outputs with a reference's, instruction by instruction and in both orders, and tells how often the model wins: plain, and controlled for length. Files are in AlpacaEval's format. A verdict that was given once is not asked for again.",
    )
    .option("--outputs <file>", "the model's outputs: rows of instruction, output and generator")
    .option("--model <dir>", "or a model directory, which then answers the reference's instructions")
    .requiredOption("--reference <file>", "outputs to compare with, in the same format")
    .requiredOption("--out <dir>", "directory of verdicts and results; the same one goes on where it ended")
    .option("--name <text>", "the model's name in the results (default: from its outputs or its directory)");
  addGeneration(command);
  addJudge(command);
  addCost(command);
  addDevice(command)
    .option("--seed <number>", "of the bootstrap and of the pauses before retries", wholeFrom(0), 0)
    .option("--json", "the result as one JSON line on standard output, and nothing else there")
    .addHelpText("after", `${NOTES}\n${EXAMPLES}`)
    .action(async (flags: WinrateFlags) => {
      const { winrateCommand } = await import("../commands/eval-winrate.js");
      outcome.exitCode = await winrateCommand(flags, output);
    });
}

function addGeneration(command: Command): void {
  command
    .option("--adapter <dir>", "with --model: LoRA adapter in peft's format, put on the model")
    .addOption(
      new Option(
        "--template <name>",
        "with --model: how an instruction is dressed; none leaves it as it is (default: as in the run that --model lies in, else plain)",
      ).choices([...TEMPLATES, "none"]),
    )
    .option("--max-tokens <count>", "with --model: most tokens of an output (default: 1024)", wholeFrom(1));
}

function addJudge(command: Command): void {
  command
    .option("--judge-model <name>", "a model behind an address that speaks OpenAI's chat completions")
    .option("--judge-url <address>", "the address (default: OPENAI_BASE_URL, else https://api.openai.com/v1)")
    .option("--judge-key-env <name>", "environment variable that holds the key (default: OPENAI_API_KEY)")
    .option("--judge-dir <dir>", "or a model directory: the likelier of the two outputs' names wins")
    .option("--judge-labels <first,second>", "with --judge-dir: those names (default: m,M)", labels)
    .option(
      "--judge-prompt <file>",
      "the judge's prompt, with {instruction}, {output_1} and {output_2}; <|im_start|>ROLE … <|im_end|> parts become messages",
    )
    .option(
      "--judge-max-tokens <count>",
      "most tokens of a verdict (default: 16; with --judge-prompt 1024)",
      wholeFrom(1),
    )
    .option(
      "--judge-parameters <json>",
      "further keys of a request, e.g. '{\"seed\": 1}'; null takes one out",
      parameters,
    )
    .option("--concurrency <count>", "requests at once (default: 8)", wholeFrom(1))
    .option("--timeout <seconds>", "for one request, 300 or less (default: 120)", seconds)
    .option(
      "--retries <count>",
      "times a request that got no answer is sent again (default: 5); an answer without a verdict is asked for twice more at most",
      wholeFrom(0),
    );
}

function addCost(command: Command): void {
  command
    .option("--price-in <number>", "price of a million prompt tokens", positive)
    .option("--price-out <number>", "price of a million tokens of answers", positive)
    .option("--max-cost <number>", "ask nothing where it may cost more", positive)
    .option("--judge-tokenizer <dir>", "counts the prompt tokens of the estimate (default: characters / 4)")
    .option("--dry-run", "tell what would be asked and what it costs, and end");
}

function labels(text: string): [string, string] {
  const [first = "", second = "", ...more] = text.split(",").map((label) => label.trim());
  if (first === "" || second === "" || first === second || more.length > 0)
    throw new InvalidArgumentError("It must be two different names with a comma between them.");
  return [first, second];
}

function parameters(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InvalidArgumentError("It must be a JSON object.");
  return value as Record<string, unknown>;
}

/** Node's own limit for the head of an answer is 300 seconds. */
function seconds(text: string): number {
  const value = positive(text);
  if (value > 300) throw new InvalidArgumentError("It must be 300 or less.");
  return value;
}

const NOTES = `
Score of an instruction: the mean over both orders, 1 won, 0 lost, a tie 1/2; two
orders that disagree make a tie. Equal outputs are a tie without being asked about.
An instruction without a verdict in both orders is in no rate, and is told.
Interval of the win rate: 95 %, Wilson. The length-controlled rate: a logistic
regression on the lengths' difference; interval by bootstrap over instructions.`;

const EXAMPLES = examples(
  ["outright eval winrate --outputs mine.json --reference gpt4.json \\", ""],
  ["  --judge-model gpt-4-turbo --price-in 10 --price-out 30 --out win --dry-run", "what it would cost"],
  ["outright eval winrate --model runs/first/model --reference alpaca_eval.json \\", ""],
  ["  --judge-url http://localhost:8000/v1 --judge-model qwen --out win", "a judge of one's own"],
  ["outright eval winrate --outputs mine.json --reference gpt4.json \\", ""],
  ["  --judge-dir models/judge --out win", "without any server"],
);
