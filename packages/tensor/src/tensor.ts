/** Tensors: a shape over one buffer of one device. Row-major, contiguous. */
import type { Device } from "./device.js";
import type { Handle, HostArray, NativeDtype } from "./native.js";
import { keep, register } from "./scope.js";

export type Shape = readonly number[];

/** Number of elements of a shape; an empty shape is one element. */
export function elements(shape: Shape): number {
  return shape.reduce((product, side) => product * side, 1);
}

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

  /** Contents are undefined. */
  constructor(device: Device, dtype: NativeDtype, shape: Shape, requiresGrad = false) {
    this.device = device;
    this.dtype = dtype;
    this.shape = shape;
    this.count = elements(shape);
    this.requiresGrad = requiresGrad;
    this.#handle = device.native.alloc(dtype, this.count);
    register(this);
  }

  static float32(device: Device, shape: Shape): Tensor {
    return new Tensor(device, "float32", shape);
  }

  static zeros(device: Device, shape: Shape): Tensor {
    const tensor = new Tensor(device, "float32", shape);
    if (tensor.count > 0) device.native.fill(tensor.handle, 0);
    return tensor;
  }

  /** A copy of host data: Float32Array gives float32, Int32Array int32. */
  static from(device: Device, data: HostArray, shape: Shape = [data.length]): Tensor {
    if (elements(shape) !== data.length) {
      throw new Error(
        `a tensor of shape [${shape.join(", ")}] needs ${elements(shape)} values, ${data.length} were given`,
      );
    }
    const tensor = new Tensor(device, data instanceof Int32Array ? "int32" : "float32", shape);
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

  write(data: HostArray, offset = 0): void {
    if (data.length > 0) this.device.native.write(this.handle, offset, data);
  }

  /** Copies a range of the values to the host. */
  toFloat32(offset = 0, count = this.count - offset): Float32Array {
    const target = new Float32Array(count);
    if (count > 0) this.device.native.read(this.handle, offset, target);
    return target;
  }

  toInt32(): Int32Array {
    const target = new Int32Array(this.count);
    if (this.count > 0) this.device.native.read(this.handle, 0, target);
    return target;
  }

  fill(value: number): void {
    if (this.count > 0) this.device.native.fill(this.handle, value);
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

/** A named weight of a model; lives until the model is disposed. */
export class Parameter extends Tensor {
  /** the name in Hugging Face files */
  readonly name: string;

  constructor(device: Device, name: string, shape: Shape) {
    super(device, "float32", shape, true);
    this.name = name;
    keep(this);
  }

  /** The gradient buffer, made of zeros on first use; it stays until the parameter is disposed. */
  gradient(): Tensor {
    if (this.grad === null) this.grad = keep(Tensor.zeros(this.device, this.shape));
    return this.grad;
  }

  /** Sets the gradient to zero, if there is one. */
  zeroGradient(): void {
    this.grad?.fill(0);
  }
}
