/** All commands; each one's options and help text are in `program/`. What a command does is loaded only when it is called, so that --help is quick. */
import { Command } from "commander";
import { addBench } from "./program/bench.js";
import { addChat } from "./program/chat.js";
import { addDoctor } from "./program/doctor.js";
import { addEval } from "./program/eval.js";
import { addExport } from "./program/export.js";
import { addGenerate } from "./program/generate.js";
import { addInit } from "./program/init.js";
import { addMerge } from "./program/merge.js";
import { addOptima } from "./program/optima.js";
import { examples, type Outcome } from "./program/options.js";
import { addPlan } from "./program/plan.js";
import { addPreview } from "./program/preview.js";
import { addQuickstart } from "./program/quickstart.js";
import { addReport } from "./program/report.js";
import { addSchema } from "./program/schema.js";
import { addScore } from "./program/score.js";
import { addSweep } from "./program/sweep.js";
import { addTheory } from "./program/theory.js";
import { addTrain } from "./program/train.js";
import type { Output } from "./terminal/output.js";
import { version } from "./version.js";

export interface Program {
  program: Command;
  outcome: Outcome;
}

export function buildProgram(output: Output): Program {
  const program = new Command("outright");
  const outcome = { exitCode: 0 };
  program
    .description(
      "Post-trains language models on SFT and preference data at once, so that neither is forgotten.",
    )
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .option("--stack", "show where an error arose (also OUTRIGHT_STACK=1)")
    .addHelpText(
      "after",
      examples(
        ["outright quickstart", "see it work on a small model that it makes itself"],
        ["outright init run.yaml", "write a config to start from"],
        ["outright train run.yaml", "train as it says"],
        ["outright plan run.yaml", "what memory and time it will need"],
        ["outright train run.yaml --steps 10", "the same with one key replaced"],
        ["outright train --resume runs/first", "go on after Ctrl-C or a crash"],
      ),
    );

  addQuickstart(program, output, outcome);
  addTrain(program, output, outcome);
  addPlan(program, output);
  addOptima(program, output, outcome);
  addSweep(program, output, outcome);
  addScore(program, output);
  addEval(program, output, outcome);
  addGenerate(program, output);
  addChat(program, output, outcome);
  addExport(program, output);
  addMerge(program, output);
  addPreview(program, output);
  addReport(program, output);
  addTheory(program, output);
  addDoctor(program, output, outcome);
  addBench(program, output);
  addInit(program, output);
  addSchema(program, output);

  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) {
    command
      .exitOverride()
      // errors are told in one place, by main
      .configureOutput({ writeOut: (text) => output.out(text), writeErr: () => {}, outputError: () => {} })
      .configureHelp({ helpWidth: Math.min(output.width(), 110) });
  }
  return { program, outcome };
}
