/** Waiting for a device that works off a queue, where a time is to be that of the work. */
import type { NativeDevice } from "../native.js";

const settlers = new WeakMap<NativeDevice, () => void>();

/**
 * A function that returns when all that was asked of the device so far is done. A processor has done it when a call
 * returns; a GPU has only queued it, but for calls that bring numbers to the host. Holds one buffer of four bytes on each.
 */
export function settler(native: NativeDevice): () => void {
  const known = settlers.get(native) ?? newSettler(native);
  settlers.set(native, known);
  return known;
}

function newSettler(native: NativeDevice): () => void {
  if (native.info().kind === "cpu") return () => {};
  const flag = native.alloc("int32", 1);
  const value = new Int32Array(1);
  native.write(flag, 0, value);
  return () => native.read(flag, 0, value);
}
