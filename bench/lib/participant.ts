/**
 * One side of a comparison, in a process of its own so that its peak memory is its own. Sides speak JSON lines: the
 * first request is its work, then one request a step; it computes only while a request is unanswered, so that sides
 * which are alive at once take turns.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Recompute } from "@outright/models";

/** The work of one side. Paths are absolute. */
export interface Work {
  kind: "sft" | "dpo" | "mix";
  dtype: "float32" | "bfloat16";
  /** Hugging Face directory with the initial weights */
  model: string;
  /** a RowsFile */
  rows: string;
  /** examples, and pairs, per step */
  batch: number;
  threads: number;
  /** "auto", "cpu", "cuda" or "cuda:N" */
  device: string;
  /** most tokens of ours that go through the model at once */
  tokens: number;
  beta: number;
  lr: number;
  lora: { rank: number; alpha: number; targets: string[] } | null;
  /** ours: none, block or attention */
  recompute?: Recompute;
  /** PyTorch and TRL: examples per micro-batch; 0 = the whole batch */
  micro?: number;
}

export interface Ready {
  /** what it runs on: versions, allocator */
  with: string;
}

export interface StepReply {
  seconds: number;
  /** before the update */
  loss: number;
}

export interface EndReply {
  /** largest resident set of the process so far */
  peakRssBytes: number;
  /** largest memory of a GPU that its tensors took */
  devicePeakBytes?: number;
  [fact: string]: number | undefined;
}

/** A side that cannot do this work here, for a reason that is no fault. */
export class Unavailable extends Error {}

export class Participant {
  readonly #process: ChildProcess;
  readonly #name: string;
  #stderr = "";
  #waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | null = null;

  constructor(name: string, command: string, args: readonly string[], env: Record<string, string> = {}) {
    this.#name = name;
    this.#process = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#process.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4000);
    });
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.#waiting?.resolve(line);
      this.#waiting = null;
    });
    const fail = (why: string) => {
      const last = this.#stderr.trim().split("\n").at(-1) ?? "";
      this.#waiting?.reject(new Error(`${this.#name} ${why}: ${last}`));
      this.#waiting = null;
    };
    this.#process.on("error", (error) => fail(`cannot be started: ${error.message}`));
    this.#process.on("close", (code) => fail(`ended with code ${code}`));
    this.#process.stdin?.on("error", () => {}); // told by "close"
  }

  /** @throws Unavailable where the other side cannot do this, an Error where it failed */
  async start(work: Work): Promise<Ready> {
    return await this.#request<Ready>({ work });
  }

  async step(index: number): Promise<StepReply> {
    return await this.#request<StepReply>({ step: index });
  }

  async end(): Promise<EndReply> {
    const reply = await this.#request<EndReply>({ end: true });
    this.kill();
    return reply;
  }

  kill(): void {
    this.#process.kill();
  }

  async #request<Reply>(request: unknown): Promise<Reply> {
    const answered = new Promise<string>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#process.exitCode !== null)
        reject(new Error(`${this.#name} has ended: ${this.#stderr.trim()}`));
    });
    this.#process.stdin?.write(`${JSON.stringify(request)}\n`);
    const reply = JSON.parse(await answered) as Reply & { unavailable?: string; failed?: string };
    if (reply.unavailable !== undefined) throw new Unavailable(reply.unavailable);
    if (reply.failed !== undefined) throw new Error(`${this.#name}: ${reply.failed}`);
    return reply;
  }
}
