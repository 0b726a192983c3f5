/** Times, operations and bytes of single native calls, which take turns. */
import { type Device, type NativeDevice, Profile } from "@outright/tensor";
import { openDevice } from "@outright/trainer";
import { type OpCase, opCases } from "./op-cases.js";
import type { BenchOptions, Dtype } from "./options.js";
import type { Rows } from "./rows.js";
import type { ShapeSizes } from "./shapes.js";
import type { Report } from "./suite.js";
import { CallTimer } from "./timing.js";

export interface MeasuredOp {
  name: string;
  operation: string;
  seconds: number[];
  flops: number;
  bytes: number;
}

export interface OpsWork {
  shape: ShapeSizes;
  rows: Rows;
  dtype: Dtype;
  /** begins every name */
  label: string;
  /** of whole training rows; absent: eight examples */
  tokens?: number;
  /** of all operations those that are wanted */
  wanted?: ReadonlySet<string>;
}

/** What cannot run is told by name. Operations take turns, so that a disturbance does not fall on one alone. */
export function measureOps(work: OpsWork, options: BenchOptions, report: Report): MeasuredOp[] {
  const profile = new Profile();
  let native: NativeDevice | null = null;
  // times are taken on the device itself, costs by way of the profile
  using device: Device = openDevice(options, (direct) => {
    native = direct;
    return profile.wrap(direct);
  });
  const direct = native as unknown as NativeDevice;
  const timer = new CallTimer(device);
  let cases: OpCase[];
  try {
    cases = opCases(device.native, work);
  } catch (error) {
    report.skip(work.label, (error as Error).message);
    return [];
  }
  const measured: (MeasuredOp & { time: () => number })[] = [];
  for (const { operation, where, run } of cases) {
    if (work.wanted !== undefined && !work.wanted.has(operation)) continue;
    const name = `${work.label} ${operation} ${where}`;
    try {
      profile.reset();
      run(device.native);
      const call = profile.totals().find((totals) => totals.operation === operation);
      if (call === undefined) throw new Error(`${name} made no native call`);
      const time = timer.prepare(() => run(direct));
      direct.takeResults(null);
      measured.push({ name, operation, time, seconds: [], flops: call.flops, bytes: call.bytes });
    } catch (error) {
      report.skip(name, (error as Error).message);
    }
  }
  for (let i = 0; i < options.steps; i++) {
    for (const one of measured) one.seconds.push(one.time());
    direct.takeResults(null); // of the losses, which nobody reads
  }
  return measured;
}
