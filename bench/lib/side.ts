/** One side of the step benchmark: a process, its work, and what it did so far. */
import { join } from "node:path";
import type { BenchOptions, Dtype } from "./options.js";
import { type EndReply, Participant, type Work } from "./participant.js";
import { allocatorEnvironment, type Python, startPeer } from "./peer.js";

/** Steps that are not timed: memory is first touched, kernels are prepared. */
export const WARM_UP = 2;

export class Side {
  /** "ours", "PyTorch" or "TRL" */
  readonly who: string;
  readonly dtype: Dtype;
  readonly lora: boolean;
  /** all examples of a step in one pass, as ours */
  readonly onePass: boolean;
  readonly participant: Participant;
  /** loss of each step before its update, by index */
  readonly losses: number[] = [];
  /** seconds of each step, by index */
  readonly seconds: number[] = [];
  readonly #work: Work;
  #ended: Promise<EndReply> | null = null;
  /** what it runs on, once it has started */
  description = "";

  constructor(who: string, participant: Participant, work: Work) {
    this.who = who;
    this.dtype = work.dtype;
    this.lora = work.lora !== null;
    this.onePass = !work.micro;
    this.participant = participant;
    this.#work = work;
  }

  /** Loads and warms up. @throws Unavailable where it cannot do this work here */
  async start(): Promise<void> {
    this.description = (await this.participant.start(this.#work)).with;
    for (let index = 0; index < WARM_UP; index++) await this.step(index);
  }

  /** Does the step of this index, once. */
  async step(index: number): Promise<void> {
    if (this.losses[index] !== undefined) return;
    const { loss, seconds } = await this.participant.step(index);
    this.losses[index] = loss;
    this.seconds[index] = seconds;
  }

  /** Ends its process, once. @returns what it used */
  end(): Promise<EndReply> {
    this.#ended ??= this.participant.end();
    return this.#ended;
  }
}

export function ourSide(work: Work): Side {
  const worker = join(import.meta.dirname, "../workers/step.js");
  return new Side("ours", new Participant("ours", process.execPath, [worker]), work);
}

/** TRL as it comes, with the allocator as it comes; in micro-batches where the work says so. */
export function trlSide(python: Python, work: Work): Side {
  return new Side("TRL", startPeer("TRL", python, "trl_step.py", {}), work);
}

/** PyTorch once with each allocator that is here and each micro-batch size. */
export function* peerSides(python: Python, options: BenchOptions, work: Work): Generator<[string, Side]> {
  for (const allocator of options.allocators) {
    const environment = allocatorEnvironment(allocator);
    if (environment === null) continue;
    for (const micro of options.micro) {
      const peer = startPeer("PyTorch", python, "step.py", environment);
      yield [
        `${allocator}, micro-batches of ${micro || work.batch}`,
        new Side("PyTorch", peer, { ...work, micro }),
      ];
    }
  }
}
