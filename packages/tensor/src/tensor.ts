/** Tensors: a shape over one buffer of one device. Row-major, contiguous. */
import type { Device } from "./device.js";
import type { Handle, HostArray, NativeDtype } from "./native.js";
import { keep, register } from "./scope.js";

export type Shape = readonly number[];

/** Number of elements of a shape; an empty shape is one element. */
export function elements(shape: Shape): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Elements that are converted at a time on their way between host and device. */
export const CHUNK = 1 << 20;

export class Tensor {
  readonly device: Device;
  readonly dtype: NativeDtype;
  readonly shape: Shape;
  readonly count: number;
  /** Whether a loss can flow back into it; operations give it to their outputs while a tape records. */
  requiresGrad: boolean;
  /** ∂loss/∂this, same shape; null until something flowed back. */
  grad: Tensor | null = null;
  #handle: Handle | null;

  /** Contents are undefined. @param lasting whether it is made within a pass and outlives it */
  constructor(device: Device, dtype: NativeDtype, shape: Shape, requiresGrad = false, lasting = false) {
    this.device = device;
    this.dtype = dtype;
    this.shape = shape;
    this.count = elements(shape);
    this.requiresGrad = requiresGrad;
    const { native } = device;
    this.#handle = lasting ? native.allocLasting(dtype, this.count) : native.alloc(dtype, this.count);
    register(this);
  }

  static float32(device: Device, shape: Shape): Tensor {
    return new Tensor(device, "float32", shape);
  }

  /** A tensor of the same dtype on the same device, by default of the same shape; contents are undefined. */
  static like(tensor: Tensor, shape: Shape = tensor.shape): Tensor {
    return new Tensor(tensor.device, tensor.dtype, shape);
  }

  static zeros(device: Device, shape: Shape, dtype: NativeDtype = "float32"): Tensor {
    const tensor = new Tensor(device, dtype, shape);
    if (tensor.count > 0) device.native.fill(tensor.handle, 0);
    return tensor;
  }

  /** A copy of host data: Float32Array gives float32, Int32Array int32, Uint16Array bfloat16. */
  static from(device: Device, data: HostArray, shape: Shape = [data.length]): Tensor {
    if (elements(shape) !== data.length) {
      throw new Error(
        `a tensor of shape [${shape.join(", ")}] needs ${elements(shape)} values, ${data.length} were given`,
      );
    }
    const dtype = data instanceof Int32Array ? "int32" : data instanceof Uint16Array ? "bfloat16" : "float32";
    const tensor = new Tensor(device, dtype, shape);
    tensor.write(data);
    return tensor;
  }

  /** @throws when the tensor was disposed */
  get handle(): Handle {
    if (this.#handle === null) throw new Error("this tensor was disposed");
    return this.#handle;
  }

  get disposed(): boolean {
    return this.#handle === null;
  }

  /** Copies host data in. A bfloat16 tensor takes Float32Array (rounded to nearest even) or its bits as Uint16Array. */
  write(data: HostArray, offset = 0): void {
    if (data.length === 0) return;
    if (this.dtype === "bfloat16" && data instanceof Float32Array) {
      for (let from = 0; from < data.length; from += CHUNK) {
        const part = data.subarray(from, from + CHUNK);
        this.#through(part.length, (wide, narrow) => {
          this.device.native.write(wide, 0, part);
          this.device.native.cast(wide, narrow, part.length);
          this.device.native.copy(this.handle, offset + from, narrow, 0, part.length);
        });
      }
      return;
    }
    this.device.native.write(this.handle, offset, data);
  }

  /** All values in order, part by part, as `toFloat32` gives them; a part is overwritten by the next. */
  *inParts(): Generator<Float32Array> {
    const buffer = new Float32Array(Math.min(CHUNK, this.count));
    for (let from = 0; from < this.count; from += CHUNK) {
      const count = Math.min(CHUNK, this.count - from);
      yield this.toFloat32(from, count, buffer.subarray(0, count));
    }
  }

  /** Copies a range of the values to the host, into `target`; bfloat16 widens exactly. */
  toFloat32(
    offset = 0,
    count = this.count - offset,
    target: Float32Array = new Float32Array(count),
  ): Float32Array {
    if (this.dtype !== "bfloat16") {
      if (count > 0) this.device.native.read(this.handle, offset, target);
      return target;
    }
    for (let from = 0; from < count; from += CHUNK) {
      const part = target.subarray(from, from + CHUNK);
      this.#through(part.length, (wide, narrow) => {
        this.device.native.copy(narrow, 0, this.handle, offset + from, part.length);
        this.device.native.cast(narrow, wide, part.length);
        this.device.native.read(wide, 0, part);
      });
    }
    return target;
  }

  /** The bits of a bfloat16 tensor. */
  toUint16(offset = 0, count = this.count - offset): Uint16Array {
    const target = new Uint16Array(count);
    if (count > 0) this.device.native.read(this.handle, offset, target);
    return target;
  }

  /** Lends a float32 and a bfloat16 buffer for a conversion. */
  #through(count: number, body: (wide: Handle, narrow: Handle) => void): void {
    const { native } = this.device;
    const wide = native.alloc("float32", count);
    const narrow = native.alloc("bfloat16", count);
    try {
      body(wide, narrow);
    } finally {
      native.free(narrow);
      native.free(wide);
    }
  }

  toInt32(): Int32Array {
    const target = new Int32Array(this.count);
    if (this.count > 0) this.device.native.read(this.handle, 0, target);
    return target;
  }

  fill(value: number): void {
    if (this.count > 0) this.device.native.fill(this.handle, value);
  }

  /** Frees the values alone: shape and gradient stay, and `adopt` may give it values again. */
  evict(): void {
    if (this.#handle === null) return;
    this.device.native.free(this.#handle);
    this.#handle = null;
  }

  /** Takes over the buffer of a tensor of the same shape and dtype, which has none afterwards. */
  adopt(other: Tensor): void {
    this.evict();
    this.#handle = other.#handle;
    other.#handle = null;
  }

  /** Frees the buffer, and that of the gradient; harmless when repeated. */
  dispose(): void {
    this.grad?.dispose();
    this.grad = null;
    if (this.#handle !== null) {
      this.device.native.free(this.#handle);
      this.#handle = null;
      keep(this);
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
