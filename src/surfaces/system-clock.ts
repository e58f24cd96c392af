import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Clock } from "../call/needs.js";

/** The machine's clocks. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) {
          resolve();
          return;
        }
        const timer = setTimeout(done, ms);
        function done(): void {
          clearTimeout(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        }
        signal?.addEventListener("abort", done, { once: true });
      }),
  };
}

/** A call id: time first, so that ids made later sort later and indexes grow at their end; 80 random bits follow. */
export function newCallId(): string {
  return `call_${Date.now().toString(36).padStart(9, "0")}${randomBytes(10).toString("hex")}`;
}
