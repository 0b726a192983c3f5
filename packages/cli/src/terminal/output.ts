/** Standard output and error, safe against a reader that goes away (`outright … | head`). */

/** Where text goes; tests have one that keeps it. */
export interface Output {
  /** results; nothing is written once the reader has gone */
  out(text: string): void;
  /** errors and warnings */
  err(text: string): void;
  /** whether `out` is a terminal whose last line can be overwritten */
  readonly isTerminal: boolean;
  /** whether `out` shows colours */
  readonly hasColour: boolean;
  /** characters in a line of the terminal */
  width(): number;
}

export function processOutput(): Output {
  const closed = new Set<NodeJS.WriteStream>();
  const write = (stream: NodeJS.WriteStream, text: string): void => {
    if (!closed.has(stream)) stream.write(text);
  };
  for (const stream of [process.stdout, process.stderr]) {
    // A closed pipe ends the output, not the work: a run goes on to save its model.
    stream.on("error", () => closed.add(stream));
  }
  return {
    out: (text) => write(process.stdout, text),
    err: (text) => write(process.stderr, text),
    isTerminal: process.stdout.isTTY === true && process.env.TERM !== "dumb",
    hasColour: wantsColour(),
    width: () => process.stdout.columns || 80,
  };
}

/** NO_COLOR and FORCE_COLOR as elsewhere, else whether standard output is a terminal. */
function wantsColour(): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0") return true;
  return process.stdout.isTTY === true && TERM !== "dumb";
}
