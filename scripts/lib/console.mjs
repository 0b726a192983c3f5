// What people see: one short line per stage, with a tick and seconds; a moving line while it runs.
const interactive = process.stdout.isTTY === true && process.env.CI === undefined;
const colours = interactive && process.env.NO_COLOR === undefined;
const paint = (code, text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);

const MARKS = {
  done: () => paint(32, "✓"),
  failed: () => paint(31, "✗"),
  skipped: () => paint(33, "○"),
  note: () => paint(36, "•"),
};

// Whoever reads us may leave early (`npm test | head`); that is no error.
process.stdout.on("error", (error) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

export function print(line = "") {
  process.stdout.write(`${line}\n`);
}

export function seconds(value) {
  return `${value.toFixed(1)} s`;
}

/** `✓ packages          installed                     3.1 s` */
export function line(mark, name, text, duration) {
  const time = duration === undefined ? "" : `  ${seconds(duration)}`;
  print(`${MARKS[mark]()} ${name.padEnd(14)} ${text}${time}`);
}

export function indent(text, by = "    ") {
  return text.replace(/^(?=.)/gm, by);
}

/**
 * Runs `work` and shows that it is alive: on a terminal a counting line, elsewhere a sign every 30 seconds.
 * `work` gets a function that sets the text of that line.
 */
export async function withProgress(name, text, work) {
  const started = performance.now();
  let current = text;
  const elapsed = () => (performance.now() - started) / 1000;
  const width = () => Math.max(20, (process.stdout.columns ?? 100) - 1);
  const draw = () =>
    process.stdout.write(
      `\r\u001b[2K${`… ${name.padEnd(14)} ${current}  ${elapsed().toFixed(0)} s`.slice(0, width())}`,
    );
  const timer = interactive
    ? setInterval(draw, 200)
    : setInterval(() => print(`… ${name.padEnd(14)} ${current}  ${elapsed().toFixed(0)} s`), 30_000);
  if (interactive) draw();
  try {
    return await work((next) => {
      current = next;
    });
  } finally {
    clearInterval(timer);
    if (interactive) process.stdout.write("\r\u001b[2K");
  }
}
