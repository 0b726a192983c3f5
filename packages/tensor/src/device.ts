/** A device: where buffers live and operations run. */
import { nativeAddon } from "./addon.js";
import type { DeviceInfo, DeviceOptions, MemoryStats, NativeDevice } from "./native.js";
import { Results } from "./results.js";

export class Device {
  readonly native: NativeDevice;
  readonly info: DeviceInfo;
  /** of losses, which are not waited for until they are read */
  readonly results: Results;
  /**
   * Most bytes in which the log-prob head keeps exponentials of its logits from the forward to the backward pass; the
   * rest of the vocabulary is computed again. 0 keeps none.
   */
  headCacheBytes = 128 * 2 ** 20;

  private constructor(native: NativeDevice) {
    this.native = native;
    this.info = native.info();
    this.results = new Results(native);
  }

  /**
   * @param options `backend` "auto" takes the best that runs here; a name that cannot be used is an error that says why
   * @param wrap stands between this device and the addon, such as `Profile.wrap`; without it nothing does
   */
  static open(
    options: Partial<DeviceOptions> = {},
    wrap: (native: NativeDevice) => NativeDevice = (native) => native,
  ): Device {
    const native = nativeAddon().openDevice({
      backend: options.backend ?? "auto",
      threads: options.threads ?? 0,
    });
    return new Device(wrap(native));
  }

  /** A device over another implementation of the native surface. */
  static over(native: NativeDevice): Device {
    return new Device(native);
  }

  memory(): MemoryStats {
    return this.native.memory();
  }

  close(): void {
    this.native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
