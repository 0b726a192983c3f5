/**
 * The float32 values of a bfloat16 weight. Its 16 bits are most of them, so only the 16 that these lack are kept beside
 * it (`splitMaster`): 2 bytes a weight where a float32 copy takes 4.
 */
import type { Handle, HostArray } from "./native.js";
import { keep } from "./scope.js";
import { CHUNK, Tensor } from "./tensor.js";

/** The handle is that of the int16 halves; `write` and `toFloat32` speak of whole float32 values. */
export class Master extends Tensor {
  readonly #weight: Tensor;

  /** @param weight bfloat16 */
  constructor(weight: Tensor) {
    super(weight.device, "int16", weight.shape);
    this.#weight = weight;
    keep(this);
  }

  /** Sets the values, and the weight to their rounding. */
  override write(data: HostArray, offset = 0): void {
    if (!(data instanceof Float32Array)) throw new Error("a master takes a Float32Array");
    const { native } = this.device;
    for (let from = 0; from < data.length; from += CHUNK) {
      const part = data.subarray(from, from + CHUNK);
      this.#inHalves(part.length, (whole, high, low) => {
        native.write(whole, 0, part);
        native.splitMaster(whole, high, low, part.length);
        native.copy(this.#weight.handle, offset + from, high, 0, part.length);
        native.copy(this.handle, offset + from, low, 0, part.length);
      });
    }
  }

  /** The values become what the weight is. */
  clear(offset: number, count: number): void {
    this.device.native.write(this.handle, offset, new Int16Array(count));
  }

  override toFloat32(
    offset = 0,
    count = this.count - offset,
    target: Float32Array = new Float32Array(count),
  ): Float32Array {
    const { native } = this.device;
    for (let from = 0; from < count; from += CHUNK) {
      const part = target.subarray(from, Math.min(count, from + CHUNK));
      this.#inHalves(part.length, (whole, high, low) => {
        native.copy(high, 0, this.#weight.handle, offset + from, part.length);
        native.copy(low, 0, this.handle, offset + from, part.length);
        native.joinMaster(high, low, whole, part.length);
        native.read(whole, 0, part);
      });
    }
    return target;
  }

  /** Lends buffers for a conversion. */
  #inHalves(count: number, body: (whole: Handle, high: Handle, low: Handle) => void): void {
    const { native } = this.device;
    const whole = native.alloc("float32", count);
    const high = native.alloc("bfloat16", count);
    const low = native.alloc("int16", count);
    try {
      body(whole, high, low);
    } finally {
      native.free(low);
      native.free(high);
      native.free(whole);
    }
  }
}
