/** Times of single calls, on devices that do them at once and on such that queue them. */
import { type Device, settler } from "@outright/tensor";

/** A burst on a GPU takes about so long that starting it and waiting for it do not show. */
const BURST_SECONDS = 0.02;
const MOST_CALLS = 100;

/** Times calls on one device. The first call, untimed, decides how many a burst has; a processor does one at a time. */
export class CallTimer {
  readonly #settle: () => void;
  readonly #bursts: boolean;

  constructor(device: Device) {
    this.#settle = settler(device.native);
    this.#bursts = device.info.kind !== "cpu";
  }

  /** Calls a few times untimed. @returns a function that gives the seconds of one more call */
  prepare(call: () => void): () => number {
    call();
    if (!this.#bursts) return () => this.#seconds(call, 1);
    this.#settle();
    const once = this.#seconds(call, 1);
    const calls = Math.max(1, Math.min(MOST_CALLS, Math.ceil(BURST_SECONDS / once)));
    return () => this.#seconds(call, calls) / calls;
  }

  #seconds(call: () => void, calls: number): number {
    const begun = performance.now();
    for (let i = 0; i < calls; i++) call();
    this.#settle();
    return (performance.now() - begun) / 1000;
  }
}
