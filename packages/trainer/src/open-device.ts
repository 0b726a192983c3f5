import { Device } from "@outright/tensor";

/** Opens the device a config or an option names (`headCache` in MiB); anything but "auto" that cannot be used is an error that says why. */
export function openDevice(setting: { device: string; threads?: number; headCache?: number }): Device {
  const device = Device.open({ backend: setting.device, threads: setting.threads ?? 0 });
  if (setting.headCache !== undefined) device.headCacheBytes = setting.headCache * 2 ** 20;
  return device;
}
