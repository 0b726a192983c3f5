/** `outright eval winrate` */
import { lockDirectory } from "@outright/checkpoint";
import {
  type AskResult,
  askAll,
  type Estimate,
  estimateCost,
  type Judge,
  matchOutputs,
  type Question,
  questionsOf,
  Records,
  readOutputs,
  readVerdicts,
  type VerdictRecord,
  winrateFile,
} from "@outright/eval";
import { formatWhole } from "../terminal/format.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";
import { onStopSignals } from "./signals.js";
import { checkFlags, type WinrateFlags } from "./winrate/flags.js";
import { type OpenJudge, openJudge } from "./winrate/judge.js";
import { modelOutputs } from "./winrate/outputs.js";
import { writeResult } from "./winrate/result.js";
import {
  askedLine,
  estimateLines,
  failureLine,
  formatCost,
  matchingLines,
  resultLines,
  speakerLine,
  stoppedLine,
} from "./winrate/text.js";

export type { WinrateFlags } from "./winrate/flags.js";

/** @returns the exit code */
export async function winrateCommand(flags: WinrateFlags, output: Output): Promise<number> {
  checkFlags(flags);
  const opened = await openJudge(flags);
  // a dry run writes nothing, so it may go beside another
  const unlock = flags.dryRun === true ? () => {} : lockDirectory(flags.out);
  try {
    return await judgeOutputs(flags, opened, output);
  } finally {
    opened.judge.close();
    unlock();
  }
}

async function judgeOutputs(flags: WinrateFlags, opened: OpenJudge, output: Output): Promise<number> {
  const tell = (line: string): void => {
    if (flags.json !== true) output.out(`${line}\n`);
  };
  const warn = (line: string | undefined): void => {
    if (line !== undefined) output.err(`warning: ${line}\n`);
  };
  const { judge, prompt, place } = opened;
  const reference = await readOutputs(flags.reference);
  const outputs = await modelOutputs(flags, reference, output, tell);
  const matching = matchOutputs(outputs, reference);
  for (const line of matchingLines(matching)) warn(line);
  if (outputs.notMade === 0) warn(speakerLine(matching.pairs));

  const path = winrateFile(flags.out, "verdicts");
  const kept = readVerdicts(path);
  if (kept.damaged > 0)
    warn(`${path}: lines without a verdict, which count for nothing: ${formatWhole(kept.damaged)}`);
  const questions = questionsOf(matching.pairs, prompt, judge);
  const open = questions.filter(({ key }) => !kept.byKey.has(key));
  const estimate = estimateCost(open, opened.estimate);
  const counts = {
    questions: questions.length,
    known: questions.length - open.length,
    identical: matching.pairs.length - questions.length / 2,
  };
  for (const line of estimateLines(place, estimate, counts)) tell(line);
  if (flags.dryRun === true) {
    const { notMade } = outputs;
    if (flags.json === true)
      output.out(`${JSON.stringify({ dryRun: true, ...counts, notMade, ...estimate })}\n`);
    else if (notMade > 0)
      tell(`outputs not made yet, taken to be as long as the reference's: ${formatWhole(notMade)}`);
    return 0;
  }
  refuseAbove(flags.maxCost, estimate);

  const verdicts = new Records<VerdictRecord>(path, kept);
  try {
    const { asked, exitCode } = await ask(flags, judge, questions, verdicts, output);
    warn(failureLine(asked.failures));
    if (asked.isStopped) {
      tell(
        stoppedLine(questions.filter(({ key }) => verdicts.get(key) !== undefined).length, questions.length),
      );
      return exitCode;
    }
    const { failures } = asked;
    const { templates } = outputs;
    const result = writeResult(flags.out, {
      model: outputs.generator,
      reference: reference.generator,
      ...(templates === undefined ? {} : { templates }),
      ...{ matching, judge, prompt, questions, verdicts, failures, seed: flags.seed },
    });
    output.out(flags.json === true ? `${JSON.stringify(result)}\n` : resultLines(result, flags.out));
    return 0;
  } finally {
    verdicts.close();
  }
}

function refuseAbove(maxCost: number | undefined, { cost = 0 }: Estimate): void {
  if (maxCost === undefined || cost <= maxCost) return;
  throw new Error(`it may cost ${formatCost(cost)}, more than --max-cost ${maxCost}; nothing was asked`);
}

/** Asks until all is known, or a signal comes. */
async function ask(
  { json }: WinrateFlags,
  judge: Judge,
  questions: readonly Question[],
  verdicts: Records<VerdictRecord>,
  output: Output,
): Promise<{ asked: AskResult; exitCode: number }> {
  const line = new LiveLine(output);
  const stop = new AbortController();
  const signals = onStopSignals((name) => {
    stop.abort();
    line.clear();
    output.err(`${name}: waiting for the answers that are under way, press again to quit at once\n`);
  });
  const begun = performance.now();
  try {
    const asked = await askAll({
      judge,
      questions,
      verdicts,
      stop: stop.signal,
      onProgress: (progress) => {
        if (json !== true) line.show(askedLine(progress, (performance.now() - begun) / 1000));
      },
    });
    return { asked, exitCode: signals.exitCode() };
  } finally {
    signals.dispose();
    line.clear();
  }
}
