/** `outright theory` */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderTheory } from "@outright/report";
import { type TheoryResult, theoryExperiment } from "@outright/theory";
import { formatWhole } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";

export interface TheoryFlags {
  out: string;
  lambda: number;
  seed?: number;
  json?: boolean;
}

export async function theoryCommand(flags: TheoryFlags, output: Output): Promise<void> {
  const result = theoryExperiment(flags.lambda, flags.seed);
  const file = join(flags.out, "theory.json");
  write(flags.out, file, `${JSON.stringify(result)}\n`);
  const files = [file, ...(await renderTheory(file, flags.out))];
  output.out(flags.json === true ? `${JSON.stringify(summary(result, files))}\n` : told(result, files));
}

function write(dir: string, file: string, text: string): void {
  try {
    mkdirSync(dir, { recursive: true });
    writeFileSync(file, text);
  } catch (cause) {
    throw new Error(
      `${file}: cannot be written (${(cause as NodeJS.ErrnoException).code}); give another directory with --out`,
    );
  }
}

function summary(result: TheoryResult, files: string[]): Record<string, unknown> {
  const { seed, instance, bounds, marks, maxright } = result;
  return {
    ...{ seed, lambda: instance.lambda },
    sequential: bounds.map((bound) => ({ ...bound, gaps: curve(result, bound.order).points })),
    alright: { slope: curve(result, "alright").slope, gaps: curve(result, "alright").points },
    mix: { gaps: curve(result, "mix").points },
    maxright,
    ...{ marks, files },
  };
}

const curve = (result: TheoryResult, name: string): TheoryResult["curves"][number] =>
  result.curves.find(({ method, order }) => method === name || order === name)!;

function told(result: TheoryResult, files: string[]): string {
  const { instance, seed, bounds, maxright } = result;
  const lines = bounds.map(({ order, constant, limit, leastSteps }) => {
    const counted = curve(result, order).points.filter(({ steps }) => steps >= leastSteps);
    const least = Math.min(...counted.map(({ gap }) => gap));
    const floor = constant > 0 ? `known to stay above ${number(constant)}` : `no constant known`;
    const names = order.toUpperCase().replace("-", ", then ");
    return row(names, `gap ${number(least)} or more, goes to ${number(limit)}; ${floor}`);
  });
  const alright = curve(result, "alright");
  const mix = curve(result, "mix").points.at(-1)!;
  const last = alright.points.at(-1)!;
  return [
    `${seed === null ? "the built-in example" : `random instance ${seed}`}, lambda ${instance.lambda}, gaps in nats`,
    ...lines,
    row("Mix", `gap ${number(mix.gap)} after ${formatWhole(mix.steps)} steps`),
    row(
      "ALRIGHT",
      `gap ${number(last.gap)} after ${formatWhole(last.steps)} steps; falls as T^${alright.slope!.toFixed(2)}`,
    ),
    row(
      "MAXRIGHT",
      `${number(maxright.excess)} above the min-max point; one step is worth ${number(maxright.step)}`,
    ),
    ...files,
    "",
  ].join("\n");
}

const row = (name: string, text: string): string => `  ${name.padEnd(14)} ${text}`;
/** Three digits; what rounding makes of zero is told as such. */
function number(value: number): string {
  if (Math.abs(value) < 1e-12) return "0";
  return value < 1e-3 ? value.toExponential(1) : value.toPrecision(3);
}
