/** A forecast in a line, what was measured beside it, and what a lack of memory could be met with. */
import type { Forecast } from "./forecast.js";

/** "412 MiB", "1.25 GiB" */
export function mebibytes(bytes: number): string {
  const MiB = bytes / 2 ** 20;
  return MiB >= 1024 ? `${(MiB / 1024).toFixed(2)} GiB` : `${MiB.toFixed(MiB < 10 ? 1 : 0)} MiB`;
}

/** "85 ms", "1.25 s", "12 min", "3.2 h" */
export function duration(seconds: number): string {
  if (seconds < 1) return `${(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 100) return `${seconds.toPrecision(3)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function forecastLine({ memory, time }: Forecast, steps: number): string {
  const each = Object.entries(time.stepSecondsOf);
  const of = each.length > 1 ? ` (${each.map(([name, s]) => `${name} ${duration(s)}`).join(", ")})` : "";
  return `forecast: ${mebibytes(memory.processBytes)} of memory, ${mebibytes(memory.deviceBytes)} of it in tensors; ${duration(time.stepSeconds)} a step${of}, ${duration(time.totalSeconds)} for ${steps} steps`;
}

export interface Measured {
  deviceBytes: number;
  processBytes: number;
  /** of a mean step; null where too few were made */
  stepSeconds: number | null;
}

export function measuredLine(measured: Measured, { memory, time }: Forecast): string {
  const beside = (value: string, forecast: string) => `${value} (forecast ${forecast})`;
  const memoryParts = [
    `${beside(mebibytes(measured.processBytes), mebibytes(memory.processBytes))} of memory`,
    `${beside(mebibytes(measured.deviceBytes), mebibytes(memory.deviceBytes))} in tensors`,
  ];
  const step =
    measured.stepSeconds === null
      ? ""
      : `; ${beside(duration(measured.stepSeconds), duration(time.stepSeconds))} a step`;
  return `measured: ${memoryParts.join(", ")}${step}`;
}

/** An error of a lack of memory, with the settings that save most; any other error as it is. */
export function withSavings(error: unknown, forecast: Forecast | null): unknown {
  if (!(error instanceof Error) || !/out of memory/.test(error.message)) return error;
  const savings = forecast?.savings.slice(0, 3) ?? [];
  const advice =
    savings.length === 0
      ? "take a smaller model or a smaller tokensPerMicroBatch; `outright plan` says what needs how much"
      : `less is needed with ${savings.map(({ setting, bytes }) => `${setting} (saves ${mebibytes(bytes)})`).join(", ")}`;
  return new Error(`${error.message}; ${advice}`);
}
