import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { openCallersSignals } from "./callers-signal.js";

/** Collects garbage, really: what only a WeakRef holds is gone afterwards. */
async function collect(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let round = 0; round < 5; round++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const signalOf = openCallersSignals();

/** Nothing but the signal is kept by whoever called this. */
function asked(leave: AbortController, how: "init" | "request"): AbortSignal {
  const init = { method: "POST", body: "{}", signal: leave.signal };
  return how === "init" ? signalOf("http://localhost/", init) : signalOf(new Request("http://localhost/", init), undefined);
}

test.each(["init", "request"] as const)("a caller that leaves is heard after a collection of garbage (%s)", async (how) => {
  const leave = new AbortController();
  const signal = asked(leave, how);
  await collect();
  leave.abort(new Error("enough"));
  expect(signal.aborted).toBe(true);
});

test("a derived request that nobody holds hears nothing: why the caller's own signal is taken", async () => {
  const leave = new AbortController();
  const derived = (() => new Request("http://localhost/", { method: "POST", body: "{}", signal: leave.signal }).signal)();
  await collect();
  leave.abort();
  expect(derived.aborted).toBe(false);
});

test("a fetch without a signal gets one that never aborts", () => {
  expect(openCallersSignals()("http://localhost/", {}).aborted).toBe(false);
});
