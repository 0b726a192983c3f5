/** Runs the command as people do, in a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../bin/outright.mjs", import.meta.url));

export interface Outcome {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcessWithoutNullStreams;
  outcome: Promise<Outcome>;
  /** resolves when the text has come on standard output or error */
  saw(text: string): Promise<void>;
}

export function start(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Running {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: "1", OUTRIGHT_STACK: "", ...options.env },
  });
  let stdout = "";
  let stderr = "";
  const watchers: { text: string; resolve: () => void }[] = [];
  const look = (): void => {
    for (const { text, resolve } of watchers) if (stdout.includes(text) || stderr.includes(text)) resolve();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    look();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    look();
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const saw = (text: string): Promise<void> =>
    Promise.race([
      new Promise<void>((resolve) => {
        watchers.push({ text, resolve });
        look();
      }),
      outcome.then((end) => {
        if (!end.stdout.includes(text) && !end.stderr.includes(text)) {
          throw new Error(`it ended without "${text}": ${JSON.stringify(end)}`);
        }
      }),
    ]);
  return { child, outcome, saw };
}

export function run(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Outcome> {
  const running = start(args, options);
  running.child.stdin.end();
  return running.outcome;
}
