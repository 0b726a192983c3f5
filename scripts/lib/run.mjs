// Runs a command, keeps its whole output in a log file, and never prints by itself.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { childEnvironment } from "./environment.mjs";
import { LOGS, ROOT } from "./paths.mjs";

/**
 * @param {string} command the executable; arguments are passed as they are, no shell is involved
 * @param {string[]} args
 * @param {{ log?: string, cwd?: string, env?: Record<string, string>, onLine?: (line: string) => void }} options
 *   `log` names a file in .tools/logs; `onLine` sees each line of stdout and stderr as it comes
 * @returns {Promise<{ code: number, output: string, seconds: number, log: string | undefined }>}
 *   code 127 when the command does not exist, 128 when a signal ended it
 */
export function run(command, args, { log, cwd = ROOT, env, onLine } = {}) {
  const started = performance.now();
  let logPath;
  let logStream;
  if (log) {
    mkdirSync(LOGS, { recursive: true });
    logPath = join(LOGS, `${log}.log`);
    logStream = createWriteStream(logPath);
    logStream.write(`$ ${[command, ...args].join(" ")}\n`);
  }
  return new Promise((resolve) => {
    const chunks = [];
    const child = spawn(command, args, {
      cwd,
      env: childEnvironment(env),
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        chunks.push(chunk);
        logStream?.write(chunk);
      });
    }
    const read = onLine ? [child.stdout, child.stderr].map((stream) => eachLine(stream, onLine)) : [];
    const finish = (code, note = "") => {
      const output = Buffer.concat(chunks).toString("utf8") + note;
      const result = { code, output, seconds: (performance.now() - started) / 1000, log: logPath };
      if (logStream) logStream.end(note, () => resolve(result));
      else resolve(result);
    };
    child.on("error", (error) => finish(127, `${command}: ${error.message}\n`));
    child.on("close", (code, signal) => {
      if (child.pid === undefined) return; // "error" has answered already
      void Promise.all(read).then(() => finish(code ?? 128, signal ? `ended by ${signal}\n` : ""));
    });
  });
}

/** Gives each line of `stream` to `onLine`; resolves after the last. */
function eachLine(stream, onLine) {
  return new Promise((done) => {
    createInterface({ input: stream }).on("line", onLine).once("close", done);
  });
}

/** The last `count` lines that say something. */
export function tail(text, count = 30) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(-count).join("\n");
}
