/** Time, operations and bytes of every native call, for whoever asks; without it nothing stands in the way. */
import { ELEMENT_BYTES } from "../element-bytes.js";
import type { Handle, NativeDevice, NativeDtype } from "../native.js";
import { type Buffers, COSTS, type Cost, type Operation } from "./costs.js";
import { settler } from "./settle.js";

/** All calls of one operation. */
export interface OperationTotals extends Cost {
  operation: string;
  calls: number;
  seconds: number;
}

interface Buffer {
  dtype: NativeDtype;
  count: number;
}

/**
 * Records the calls of one device: `Device.open(options, profile.wrap)`. A call on a GPU is waited for, so that its time
 * is that of the work; the waiting itself, some microseconds, is in it.
 */
export class Profile {
  #totals = new Map<string, OperationTotals>();
  readonly #buffers = new Map<Handle, Buffer>();

  /** A device that passes every call on and records it. */
  readonly wrap = (native: NativeDevice): NativeDevice => {
    const settle = settler(native);
    const wrapped = new Map<string, (...args: never[]) => unknown>();
    return new Proxy(native, {
      get: (target, name: keyof NativeDevice) => {
        let call = wrapped.get(name);
        if (call === undefined) {
          call = this.#recorded(target, name, settle);
          wrapped.set(name, call);
        }
        return call;
      },
    });
  };

  /** Forgets what was recorded; buffers stay known. */
  reset(): void {
    this.#totals = new Map();
  }

  /** Longest total time first. */
  totals(): OperationTotals[] {
    return [...this.#totals.values()].sort((a, b) => b.seconds - a.seconds);
  }

  #recorded(
    native: NativeDevice,
    name: keyof NativeDevice,
    settle: () => void,
  ): (...args: never[]) => unknown {
    const call = native[name] as (...args: never[]) => unknown;
    if (typeof call !== "function") return call; // not there: the caller is told as without a profile
    const cost = Object.hasOwn(COSTS, name)
      ? (COSTS[name as Operation] as (of: Buffers, ...args: never[]) => Cost)
      : () => ({ flops: 0, bytes: 0 });
    const buffers = this.#knownBuffers(native);
    return (...args) => {
      const begun = performance.now();
      const result = call.apply(native, args);
      if (name !== "close") settle();
      const seconds = (performance.now() - begun) / 1000;
      if (name === "alloc" || name === "allocLasting") {
        const [dtype, count] = args as unknown as [NativeDtype, number];
        this.#buffers.set(result as Handle, { dtype, count });
      }
      this.#add(name, seconds, cost(buffers, ...args));
      if (name === "free") this.#buffers.delete(args[0] as unknown as Handle);
      return result;
    };
  }

  #add(operation: string, seconds: number, { flops, bytes }: Cost): void {
    const totals = this.#totals.get(operation) ?? { operation, calls: 0, seconds: 0, flops: 0, bytes: 0 };
    totals.calls++;
    totals.seconds += seconds;
    totals.flops += flops;
    totals.bytes += bytes;
    this.#totals.set(operation, totals);
  }

  #knownBuffers(native: NativeDevice): Buffers {
    const known = (handle: Handle) => this.#buffers.get(handle);
    return {
      size: (handle, elements) => {
        const buffer = known(handle);
        return buffer === undefined ? 0 : ELEMENT_BYTES[buffer.dtype] * (elements ?? buffer.count);
      },
      count: (handle) => known(handle)?.count ?? 0,
      int32: (handle, count) => {
        const values = new Int32Array(count);
        if (count > 0) native.read(handle, 0, values);
        return values;
      },
    };
  }
}
