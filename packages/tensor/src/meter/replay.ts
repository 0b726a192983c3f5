/** Times a call that a meter noted, on a device that computes. */
import type { Device } from "../device.js";
import type { Handle } from "../native.js";
import { settler } from "../profile/settle.js";
import type { KindOfCall } from "./meter.js";
import { type CallArgument, flopsOf, isBuffer, type MeteredBuffer, rowsArgument, workOf } from "./work.js";

/** Operations of a matrix product above which it is timed on fewer rows: some tens of milliseconds of a processor, few of a GPU. */
const MOST_FLOPS = { cpu: 6e9, gpu: 5e11 };
/** Fewer rows than this would not be as fast, row by row. */
const FEWEST_ROWS = 64;
/** Elements above which calls on whole buffers are timed on less: more than caches hold. */
const MOST_ELEMENTS = 16 << 20;
const MOST_RUNS = 12;
/**
 * What a backward pass or the optimizer reads was written long before and has left the caches; the forward pass reads what
 * the call before it wrote. Buffers below this size stay in the caches in any case.
 */
const LEAVES_CACHE_BYTES = 256 << 10;
/** Elements of a buffer that pushes all else out of the caches. */
const FLUSH_ELEMENTS = 12 << 20;
const ENOUGH_SECONDS = 0.03;
/** A GPU has so many calls queued at once, or as many as take so long, that starting and awaiting them does not show. */
const BURST = { calls: 16, seconds: 0.002 };

/**
 * Seconds of one unit of the call's work: the mean of a few runs after one that warms up: on a busy machine interruptions
 * are a part of what a step takes, which a median would leave out.
 */
export function secondsPerWork(device: Device, kind: KindOfCall): number {
  const isGpu = device.info.kind !== "cpu";
  const args = shrunk(kind, isGpu ? MOST_FLOPS.gpu : MOST_FLOPS.cpu);
  const work = workOf(kind.name, args);
  if (work === 0) return 0;
  const handles: Handle[] = [];
  const made = new Map<MeteredBuffer, Handle>();
  const native = device.native;
  const resolve = (argument: CallArgument): unknown => {
    if (Array.isArray(argument)) return argument.map(resolve);
    if (!isBuffer(argument)) return argument;
    const known = made.get(argument);
    if (known !== undefined) return known;
    const handle = native.alloc(argument.dtype, argument.count);
    handles.push(handle);
    made.set(argument, handle);
    if (argument.dtype === "int32" && argument.data !== null) native.write(handle, 0, argument.data);
    else if (argument.count > 0) native.fill(handle, argument.dtype.startsWith("int") ? 0 : 0.01);
    return handle;
  };
  try {
    const resolved = args.map(resolve);
    const kernel = (native as unknown as Record<string, (...args: unknown[]) => unknown>)[kind.name];
    if (kernel === undefined) return 0;
    const bytes = [...made.keys()].reduce((sum, { count }) => sum + 4 * count, 0);
    const isCold = bytes > LEAVES_CACHE_BYTES && /Backward|adamW|globalNorm/.test(kind.name);
    const flush = isCold ? native.alloc("float32", FLUSH_ELEMENTS) : null;
    if (flush !== null) handles.push(flush);
    const settle = settler(native);
    let calls = 1;
    const run = () => {
      if (flush !== null) native.fill(flush, 0);
      settle();
      const begun = performance.now();
      for (let call = 0; call < calls; call++) kernel.apply(native, resolved);
      settle();
      return (performance.now() - begun) / 1000 / calls;
    };
    run();
    if (isGpu) calls = Math.max(1, Math.min(BURST.calls, Math.floor(BURST.seconds / run())));
    let runs = 0;
    let seconds = 0;
    do {
      seconds += run();
      runs++;
    } while (runs < MOST_RUNS && seconds < ENOUGH_SECONDS);
    return seconds / runs / work;
  } finally {
    native.takeResults(null);
    for (const handle of handles) native.free(handle);
  }
}

/** The same call with fewer rows, or on smaller buffers, where it would take long. */
function shrunk({ name, args }: KindOfCall, mostFlops: number): CallArgument[] {
  const at = rowsArgument(name);
  if (at !== undefined) {
    const share = mostFlops / Math.max(1, flopsOf(name, args));
    if (share >= 1) return [...args];
    const rows = Math.max(FEWEST_ROWS, Math.floor((args[at] as number) * share));
    return args.map((argument, index) => (index === at ? Math.min(rows, argument as number) : argument));
  }
  const lists = args.filter(
    (argument) => Array.isArray(argument) && argument.some(isBuffer),
  ) as MeteredBuffer[][];
  if (lists.length === 0) return [...args];
  // Lists stand side by side (parameter, gradient, moments): the first ones of each, up to the bound.
  let count = 0;
  let elements = 0;
  while (count < (lists[0]?.length ?? 0) && (count === 0 || elements < MOST_ELEMENTS)) {
    elements += lists.reduce((sum, list) => sum + (list[count]?.count ?? 0), 0);
    count++;
  }
  return args.map((argument) => (Array.isArray(argument) ? argument.slice(0, count) : argument));
}
