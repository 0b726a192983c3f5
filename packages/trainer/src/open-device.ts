import { Device } from "@outright/tensor";

/** Opens the device a config or an option names; anything but "auto" that cannot be used is an error that says why. */
export function openDevice(setting: { device: string; threads?: number }): Device {
  return Device.open({
    backend: setting.device,
    threads: setting.threads ?? 0,
  });
}
