/** Ctrl-C and its kin: asked once, a run saves and leaves; asked twice, the process ends at once. */
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface StopSignals {
  /** 128 + the number of the signal that came; 0 where none did */
  exitCode(): number;
  /** The signals mean again what they mean to any process. */
  dispose(): void;
}

export function onStopSignals(onFirst: (name: string) => void): StopSignals {
  let first: (typeof SIGNALS)[number] | undefined;
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      if (first === undefined) {
        first = name;
        onFirst(name);
        return;
      }
      // The engine may be deep in a native call, and process.exit() waits for its thread. A signal does not.
      dispose();
      process.kill(process.pid, name);
    };
    process.on(name, listener);
    return { name, listener };
  });
  const dispose = (): void => {
    for (const { name, listener } of listeners) process.removeListener(name, listener);
  };
  return { exitCode: () => (first === undefined ? 0 : 128 + constants.signals[first]), dispose };
}
