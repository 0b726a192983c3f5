/** Weights: tensors with a name, a gradient, and (in bfloat16) what training must not lose. */
import type { Device } from "./device.js";
import { Master } from "./master.js";
import type { HostArray } from "./native.js";
import { keep } from "./scope.js";
import { type Shape, Tensor } from "./tensor.js";

export interface ParameterOptions {
  /** of the values that the operations read; default float32 */
  dtype?: "float32" | "bfloat16";
  /** whether it trains; default true */
  trainable?: boolean;
  /** of a bfloat16 parameter: whether the optimizer's float32 values are kept beside it; default as `trainable` */
  master?: boolean;
}

/** A named weight of a model; lives until the model is disposed. */
export class Parameter extends Tensor {
  /** the name in Hugging Face files */
  readonly name: string;
  /** What the optimizer updates where the values themselves are bfloat16: float32, of which they are the rounding. */
  readonly master: Master | null;

  constructor(device: Device, name: string, shape: Shape, options: ParameterOptions = {}) {
    const { dtype = "float32", trainable = true, master = trainable } = options;
    super(device, dtype, shape, trainable);
    this.name = name;
    this.master = dtype === "bfloat16" && master ? new Master(this) : null;
    keep(this);
  }

  /** Sets the values, and the master's. */
  override write(data: HostArray, offset = 0): void {
    if (this.master !== null && data instanceof Float32Array) {
      this.master.write(data, offset);
      return;
    }
    super.write(data, offset);
    this.master?.clear(offset, data.length);
  }

  /** The values at the full precision that is kept: the master's where there is one. */
  precise(): Tensor {
    return this.master ?? this;
  }

  override dispose(): void {
    this.master?.dispose();
    super.dispose();
  }

  /**
   * The gradient buffer, float32 zeros on first use; it stays until freeGradient().
   *
   * @param place of a new one: "high" within a pass, apart from its buffers, "low" between passes
   */
  gradient(place: "high" | "low" = "high"): Tensor {
    if (this.grad === null) {
      this.grad = keep(new Tensor(this.device, "float32", this.shape, false, place === "high"));
      this.grad.fill(0);
    }
    return this.grad;
  }

  /** Sets the gradient to zero, if there is one. */
  zeroGradient(): void {
    this.grad?.fill(0);
  }

  /** The same, and frees it. */
  freeGradient(): void {
    this.grad?.dispose();
    this.grad = null;
  }
}
