/** Numbers as figures and tables of a sweep show them. */
import type { Interval } from "../../sweep/format.js";
import { half } from "../../sweep/intervals.js";

/** A minus as long as a digit; no "−0.000". */
export function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text.replace("-", "−");
}

export const plus = (value: number, digits = 0): string =>
  fixed(value, digits).replace(/^(?=\d)/, Number(value.toFixed(digits)) === 0 ? "" : "+");

/** "0.512 ± 0.021", without the second part where there is one seed. */
export const withHalf = (interval: Interval, digits: number): string =>
  interval.n > 1
    ? `${fixed(interval.mean, digits)} ± ${fixed(half(interval), digits)}`
    : fixed(interval.mean, digits);

/** Digits after the point that show three figures of the largest of these. */
export function digitsFor(values: number[]): number {
  const largest = Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
  return largest === 0 ? 3 : Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(largest))));
}

export interface Unit {
  name: string;
  by: number;
}

/** The unit in which the largest of these has one to three digits before the point. */
export function unitFor(values: number[], units: [by: number, name: string][]): Unit {
  const largest = Math.max(0, ...values.filter(Number.isFinite));
  const [by, name] = units.findLast(([size]) => largest >= size) ?? units[0]!;
  return { by, name };
}

export const BYTES: [number, string][] = [
  [1, "B"],
  [1e3, "kB"],
  [1e6, "MB"],
  [1e9, "GB"],
];
export const SECONDS: [number, string][] = [
  [1, "s"],
  [600, "min"],
  [36_000, "h"],
].map(([from, name]) => [from as number, name as string]);
export const COUNT: [number, string][] = [
  [1, ""],
  [1e3, "k"],
  [1e6, "M"],
  [1e9, "G"],
];
