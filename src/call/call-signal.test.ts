import { expect, test } from "vitest";
import { openCallSignal } from "./call-signal.js";
import type { CallSignal } from "./needs.js";

interface Both {
  readonly signal: CallSignal;
  readonly abort: () => void;
}

function platform(): Both {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

function own(): Both {
  const signal = openCallSignal();
  return { signal, abort: () => signal.abort() };
}

test.each([
  ["an AbortSignal", platform],
  ["a CallSignal of our own", own],
])("%s tells each listener once, in order, and none that was taken off or came too late", (_, open) => {
  const { signal, abort } = open();
  const told: string[] = [];
  const first = (): void => void told.push(`first ${signal.aborted}`);
  const second = (): void => void told.push("second");
  const third = (): void => void told.push("third");
  signal.addEventListener("abort", first);
  signal.addEventListener("abort", first);
  signal.addEventListener("abort", second, { once: true });
  signal.addEventListener("abort", third);
  signal.removeEventListener("abort", second);
  expect(signal.aborted).toBe(false);
  abort();
  abort();
  signal.addEventListener("abort", second);
  expect([signal.aborted, ...told]).toEqual([true, "first true", "third"]);
});
