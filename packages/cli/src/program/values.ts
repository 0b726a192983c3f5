/** Parsers of option values: what they refuse is told with the option's name. */
import { InvalidArgumentError } from "commander";

/** For texts that may be given several times. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** For options with several values. */
export function whole(text: string, previous: number[] | undefined): number[] {
  return [...(previous ?? []), wholeFrom(0)(text)];
}

export function wholeFrom(least: number): (text: string) => number {
  return (text) => {
    if (!/^\d+$/.test(text) || Number(text) < least)
      throw new InvalidArgumentError(`It must be a whole number, ${least} or more.`);
    return Number(text);
  };
}

export function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

export function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError("It must be a number, 0 or more.");
  return value;
}

export function belowHalf(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value < 0.5))
    throw new InvalidArgumentError("It must be a number, 0 or more and below 0.5.");
  return value;
}

export function betweenZeroAndOne(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value < 1))
    throw new InvalidArgumentError("It must be a number between 0 and 1, neither of them.");
  return value;
}

/** Above 0, at most 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value <= 1))
    throw new InvalidArgumentError("It must be a number above 0 and at most 1.");
  return value;
}

export function device(text: string): string {
  if (!/^(auto|cpu|cuda(:\d+)?)$/.test(text))
    throw new InvalidArgumentError("It must be auto, cpu, cuda or cuda:N.");
  return text;
}

export function dtype(text: string): string {
  if (text === "float16")
    throw new InvalidArgumentError("float16 is not available, use bfloat16 or float32.");
  if (text !== "float32" && text !== "bfloat16")
    throw new InvalidArgumentError("It must be float32 or bfloat16.");
  return text;
}
