/** How busy the GPU is while a run goes, as nvidia-smi tells once a second, in a process of its own beside the run. */
import { type ChildProcess, spawn } from "node:child_process";

const ARGUMENTS = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop=1"];

export class GpuSampler {
  #process: ChildProcess | null = null;
  readonly #samples: number[] = [];

  /** Without nvidia-smi nothing is sampled. */
  start(command = "nvidia-smi"): void {
    if (this.#process !== null) return;
    const child = spawn(command, ARGUMENTS, { stdio: ["ignore", "pipe", "ignore"] });
    this.#process = child;
    child.on("error", () => {});
    let rest = "";
    child.stdout?.on("data", (text: Buffer) => {
      const lines = (rest + text.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (/^\s*\d+\s*$/.test(line)) this.#samples.push(Number(line) / 100);
    });
    child.unref();
  }

  stop(): void {
    this.#process?.kill();
  }

  /** 0 to 1, over all samples; null where there is none */
  mean(): number | null {
    const { length } = this.#samples;
    return length === 0 ? null : this.#samples.reduce((sum, value) => sum + value, 0) / length;
  }
}
