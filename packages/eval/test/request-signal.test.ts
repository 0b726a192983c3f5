import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { RequestSignal } from "../dist/request-signal.js";

/** Ends as a request does: with the signal's reason. */
const ended = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason), { once: true }));

it("ends a request by the clock, whatever the garbage collector does meanwhile", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const outer = new AbortController();
  const reasons = Array.from({ length: 50 }, () => ended(new RequestSignal(outer.signal, 0.2).signal));
  for (let i = 0; i < 5; i++) {
    collect();
    await sleep(20);
  }
  for (const reason of await Promise.all(reasons)) expect(reason).toMatchObject({ name: "TimeoutError" });
});

it("ends it with the outer signal's reason, also where that came first", async () => {
  const outer = new AbortController();
  const one = new RequestSignal(outer.signal, 60);
  const reason = ended(one.signal);
  outer.abort("enough");
  expect(await reason).toBe("enough");
  one.release();
  const late = new RequestSignal(outer.signal, 60);
  expect(late.signal.reason).toBe("enough");
  late.release();
});

it("once released, nothing ends it", async () => {
  const outer = new AbortController();
  const one = new RequestSignal(outer.signal, 0.02);
  one.release();
  outer.abort();
  await sleep(60);
  expect(one.signal.aborted).toBe(false);
});
