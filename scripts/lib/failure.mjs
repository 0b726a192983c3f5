// A stage that cannot go on. The message is for people; `detail` is the end of what the command said.
import { indent, line, print } from "./console.mjs";
import { shown } from "./paths.mjs";
import { tail } from "./run.mjs";

export class StageFailure extends Error {
  constructor(stage, message, { detail = "", log, duration } = {}) {
    super(message);
    this.stage = stage;
    this.detail = detail;
    this.log = log;
    this.duration = duration;
  }

  static of(stage, message, result) {
    return new StageFailure(stage, message, {
      detail: tail(result.output),
      log: result.log,
      duration: result.seconds,
    });
  }
}

export function printFailure(error) {
  if (!(error instanceof StageFailure)) {
    print(`✗ ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return;
  }
  line("failed", error.stage, error.message, error.duration);
  if (error.detail) print(indent(error.detail));
  if (error.log) print(`  the whole output is in ${shown(error.log)}`);
}
