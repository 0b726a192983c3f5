/**
 * A device that computes nothing: it counts the bytes that buffers would take and notes which kernels would be called.
 * A model runs on it as on any other, so what is told of memory and work is what the same code will do.
 */
import { Device } from "../device.js";
import { ELEMENT_BYTES } from "../element-bytes.js";
import type { Handle, HostArray, NativeDevice, NativeDtype } from "../native.js";
import { type CallArgument, flopsOf, kindOf, type MeteredBuffer, workOf } from "./work.js";

/** What a buffer is for. Persistent buffers are labelled by whoever makes them; those of a row by when they are made. */
export type Label =
  | "weights"
  | "optimizer"
  | "row data"
  | "gradients"
  | "activations"
  | "head"
  | "gradients of activations";

export interface KindOfCall {
  name: string;
  /** arguments of the call with the most work */
  args: readonly CallArgument[];
  work: number;
  flops: number;
  calls: number;
  /** the most work of one call */
  largest: number;
}

/** Handles start here, so that no other number among a call's arguments is taken for one. */
const FIRST_HANDLE = 2 ** 44;

interface Live extends MeteredBuffer {
  label: Label;
}

export class Meter {
  readonly device: Device;
  readonly #live = new Map<Handle, Live>();
  /** made since the last call of a kernel: the next one says what they are for */
  #fresh: Live[] = [];
  #next = FIRST_HANDLE;
  #label: Label = "weights";
  #liveBytes = 0;
  #bytes: Partial<Record<Label, number>> = {};
  #peakBytes = 0;
  #peakParts: Partial<Record<Label, number>> = {};
  #kinds = new Map<string, KindOfCall>();
  #headWorkspaceBytes = 0;

  /** @param like answers what depends on the kernels: workspace and caches of the head */
  constructor(like: Device) {
    const base = {
      info: () => like.info,
      close: () => {},
      alloc: (dtype: NativeDtype, count: number) =>
        this.#alloc(dtype, count, dtype === "int32" ? "row data" : this.#label),
      allocLasting: (dtype: NativeDtype, count: number) => this.#alloc(dtype, count, "gradients"),
      free: (handle: Handle) => this.#free(handle),
      memory: () => ({
        liveBytes: this.#liveBytes,
        peakBytes: this.#peakBytes,
        cachedBytes: 0,
        liveBuffers: this.#live.size,
        workspaceBytes: this.#headWorkspaceBytes,
      }),
      resetPeak: () => this.resetPeak(),
      trim: () => {},
      write: (handle: Handle, offset: number, source: HostArray) => this.#write(handle, offset, source),
      read: () => {},
      takeResults: () => {},
      headCacheCount: like.native.headCacheCount.bind(like.native),
      headWorkspaceBytes: like.native.headWorkspaceBytes.bind(like.native),
    };
    const native = new Proxy(base, {
      get: (target, name) =>
        name in target
          ? target[name as keyof typeof target]
          : (...args: unknown[]) => this.#call(String(name), args, like),
    });
    this.device = Device.over(native as unknown as NativeDevice);
  }

  /** What buffers made from now on are for. */
  label(label: Label): void {
    this.#label = label;
  }

  /** Bytes that are live now. */
  get liveBytes(): number {
    return this.#liveBytes;
  }
  get peakBytes(): number {
    return this.#peakBytes;
  }
  /** What was live at the peak. */
  get peakParts(): Readonly<Partial<Record<Label, number>>> {
    return this.#peakParts;
  }
  /** Workspace of the head's calls so far, an upper bound. */
  get headWorkspaceBytes(): number {
    return this.#headWorkspaceBytes;
  }

  resetPeak(): void {
    this.#peakBytes = this.#liveBytes;
    this.#peakParts = { ...this.#bytes };
  }

  /** The calls since the last time, by kind. */
  takeCalls(): Map<string, KindOfCall> {
    const kinds = this.#kinds;
    this.#kinds = new Map();
    return kinds;
  }

  #alloc(dtype: NativeDtype, count: number, label: Label): Handle {
    const buffer: Live = { dtype, count, data: null, label };
    const handle = this.#next++;
    this.#live.set(handle, buffer);
    if (label !== "gradients") this.#fresh.push(buffer);
    const bytes = count * ELEMENT_BYTES[dtype];
    this.#liveBytes += bytes;
    this.#bytes[label] = (this.#bytes[label] ?? 0) + bytes;
    if (this.#liveBytes > this.#peakBytes) this.resetPeak();
    return handle;
  }

  #free(handle: Handle): void {
    const buffer = this.#live.get(handle);
    if (buffer === undefined) throw new Error("meter: no live buffer");
    this.#live.delete(handle);
    const bytes = buffer.count * ELEMENT_BYTES[buffer.dtype];
    this.#liveBytes -= bytes;
    this.#bytes[buffer.label] = (this.#bytes[buffer.label] ?? 0) - bytes;
  }

  #write(handle: Handle, offset: number, source: HostArray): void {
    const buffer = this.#live.get(handle);
    if (buffer?.dtype !== "int32" || !(source instanceof Int32Array)) return;
    buffer.data ??= new Int32Array(buffer.count);
    buffer.data.set(source, offset);
  }

  #call(name: string, given: unknown[], like: Device): number {
    this.#enter(name);
    const args = given.map((argument) => this.#argument(argument));
    const key = kindOf(name, args);
    const work = workOf(name, args);
    const kind = this.#kinds.get(key) ?? { name, args, work: 0, flops: 0, calls: 0, largest: -1 };
    if (work > kind.largest) Object.assign(kind, { args, largest: work });
    kind.work += work;
    kind.flops += flopsOf(name, args);
    kind.calls++;
    this.#kinds.set(key, kind);
    if (name === "logprobHead") {
      const [h, , , , , , N, D, V] = args as [MeteredBuffer, ...unknown[]];
      const dtype = h.dtype as NativeDtype;
      const bytes = like.native.headWorkspaceBytes(dtype, N as number, D as number, V as number);
      this.#headWorkspaceBytes = Math.max(this.#headWorkspaceBytes, bytes);
    }
    return 0;
  }

  /** Within a row the kernels tell where it stands: layers, head, and the way back. */
  #enter(name: string): void {
    const next = this.#label === "weights" || this.#label === "optimizer" ? null : labelAfter(name);
    if (next !== null && next !== this.#label) {
      for (const buffer of this.#fresh) {
        if (buffer.dtype === "int32" || buffer.label !== this.#label) continue;
        const bytes = buffer.count * ELEMENT_BYTES[buffer.dtype];
        this.#bytes[buffer.label] = (this.#bytes[buffer.label] ?? 0) - bytes;
        this.#bytes[next] = (this.#bytes[next] ?? 0) + bytes;
        buffer.label = next;
      }
      if (this.#liveBytes === this.#peakBytes) this.resetPeak();
      this.#label = next;
    }
    this.#fresh = [];
  }

  #argument(argument: unknown): CallArgument {
    if (Array.isArray(argument)) return argument.map((inner) => this.#argument(inner));
    if (typeof argument !== "number" || argument < FIRST_HANDLE) return argument;
    return this.#live.get(argument) ?? argument;
  }
}

function labelAfter(kernel: string): Label | null {
  if (kernel === "embedding") return "activations";
  if (kernel === "logprobHead") return "head";
  return kernel.includes("Backward") ? "gradients of activations" : null;
}
