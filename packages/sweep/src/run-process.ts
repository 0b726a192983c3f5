/** Starts the process of one run, and hears how it ends. */
import { fork } from "node:child_process";
import type { TrainEvent } from "@outright/trainer";
import type { Ended, FromChild, ToChild } from "./messages.js";

export interface RunProcess {
  readonly pid: number | undefined;
  readonly outcome: Promise<Ended>;
  /** asks it to save and leave */
  stop(): void;
}

/** Of what a process wrote before it died, so much is looked at for the reason. */
const LAST_WORDS = 2000;

/** @param job what to do; the process ends with it */
export function startRun(
  job: Exclude<ToChild, { type: "stop" }>,
  onEvent: (event: TrainEvent) => void,
): RunProcess {
  const child = fork(new URL("./child.js", import.meta.url), { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let words = "";
  child.stderr?.on("data", (text: Buffer) => {
    words = (words + text.toString()).slice(-LAST_WORDS);
  });
  const outcome = new Promise<Ended>((resolve) => {
    let told: Ended | undefined;
    child.on("message", (message: FromChild) => {
      if (message.type === "event") onEvent(message.event);
      else told = message;
    });
    child.on("error", (error) => resolve({ type: "error", message: error.message }));
    child.on("exit", (code, signal) =>
      resolve(told ?? { type: "error", message: died(code, signal, words) }),
    );
  });
  child.send(job);
  return {
    pid: child.pid,
    outcome,
    stop: () => {
      if (child.connected) child.send({ type: "stop" });
    },
  };
}

function died(code: number | null, signal: string | null, words: string): string {
  const last = words.trim().split("\n").at(-1) ?? "";
  const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  const hint = signal === "SIGKILL" ? ", as where memory ran out" : "";
  return `its process ${how}${hint}${last === "" ? "" : `: ${last}`}`;
}
