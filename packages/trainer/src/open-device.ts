import { Device, type NativeDevice } from "@outright/tensor";

/**
 * Opens the device a config or an option names (`headCache` in MiB); anything but "auto" that cannot be used is an error
 * that says why. `wrap` as in `Device.open`.
 */
export function openDevice(
  setting: { device: string; threads?: number; headCache?: number },
  wrap?: (native: NativeDevice) => NativeDevice,
): Device {
  const device = Device.open({ backend: setting.device, threads: setting.threads ?? 0 }, wrap);
  if (setting.headCache !== undefined) device.headCacheBytes = setting.headCache * 2 ** 20;
  return device;
}
