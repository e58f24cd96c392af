import { randomBytes } from "node:crypto";
import { uptime } from "node:os";
import { performance } from "node:perf_hooks";
import type { Clock } from "../call/needs.js";
import { openSteadyTime } from "./steady-time.js";

const MACHINE = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  // Elsewhere Node's monotonic time goes on while the machine sleeps (mach_continuous_time, QueryPerformanceCounter), and
  // what macOS calls its boot time moves with the wall clock.
  uptime: () => (process.platform === "linux" ? uptime() * 1_000 : null),
};

/** The machine's clocks. A jump of the wall clock that nothing confirms is held back, and told. */
export function systemClock(tell?: (line: string) => void): Clock {
  return {
    now: openSteadyTime(MACHINE, tell),
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

/** Hexadecimal digits of 80 random bits. */
const RANDOM_DIGITS = 20;
/** Random bytes drawn and written out at once; ten by ten they cost a system call and a text each. */
const BLOCK_BYTES = 2_560;

/** Makes call ids: time first, so that ids made later sort later and indexes grow at their end; 80 random bits follow. */
export function openCallIds(): () => string {
  let block = "";
  let used = 0;
  let at = Number.NaN;
  let head = "";
  return () => {
    if (used === block.length) {
      block = randomBytes(BLOCK_BYTES).toString("hex");
      used = 0;
    }
    const now = Date.now();
    if (now !== at) {
      at = now;
      head = `call_${now.toString(36).padStart(9, "0")}`;
    }
    used += RANDOM_DIGITS;
    return head + block.slice(used - RANDOM_DIGITS, used);
  };
}
