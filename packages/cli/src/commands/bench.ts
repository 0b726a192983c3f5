/** `outright bench`: measures the engine on this machine, beside PyTorch where it is found. */
import type { BenchOptions } from "@outright/bench";
import type { Output } from "../terminal/output.js";

export interface BenchFlags {
  suite?: string[];
  shape?: string[];
  dtype?: string[];
  kind?: string[];
  steps: number;
  threads: number;
  device?: string;
  batch?: number;
  tokens?: number;
  data?: string;
  python?: string;
  peer?: false;
  allocator?: string[];
  microBatch?: number[];
  trl?: true;
  lora?: number;
  profile?: true;
  out?: string;
  compare?: string[];
  table?: true;
}

export async function benchCommand(
  suites: readonly string[],
  flags: BenchFlags,
  output: Output,
): Promise<void> {
  const bench = await import("@outright/bench");
  if (flags.compare !== undefined) {
    const [a, b] = flags.compare;
    if (a === undefined || b === undefined || flags.compare.length > 2) {
      throw new Error("--compare takes two files of results: --compare A B");
    }
    output.out(`${bench.compareFiles(a, b)}\n`);
    return;
  }
  if (flags.table === true) {
    output.out(`wrote ${bench.writeTables()}\n`);
    return;
  }
  await bench.runBench({
    suites: [...suites, ...(flags.suite ?? [])],
    options: benchOptions(flags),
    command: ["outright bench", ...process.argv.slice(process.argv.indexOf("bench") + 1)].join(" "),
    ...(flags.out === undefined ? {} : { out: flags.out }),
    say: (line) => output.err(`${line}\n`),
    print: (text) => output.out(`${text}\n`),
  });
}

function benchOptions(flags: BenchFlags): Partial<BenchOptions> {
  const { steps, threads } = flags;
  const given: Partial<Record<keyof BenchOptions, unknown>> = {
    ...{ steps, threads },
    device: flags.device,
    batch: flags.batch,
    tokens: flags.tokens,
    shapes: flags.shape,
    dtypes: flags.dtype,
    kinds: flags.kind,
    data: flags.data,
    python: flags.python,
    peer: flags.peer === false ? "none" : undefined,
    allocators: flags.allocator,
    micro: flags.microBatch,
    trl: flags.trl,
    lora: flags.lora,
    profile: flags.profile,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
