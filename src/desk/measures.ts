/** Counters since the process started, for `/metrics`. Watching path: fails open. */
import type { CallObserved, Ledger } from "../call/needs.js";

/** Upper bounds of the overhead histogram, in seconds. */
export const OVERHEAD_BOUNDS: readonly number[] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** How long Bursar itself took per call, as a cumulative histogram. */
export interface Overhead {
  /** Calls at or below each bound of OVERHEAD_BOUNDS. */
  readonly atMost: readonly number[];
  readonly count: number;
  readonly seconds: number;
}

/** What is counted, with a lifetime: `close` stops listening. */
export interface Measures {
  /** Takes what a call tells of itself. Never throws. */
  observe(event: CallObserved): void;
  /** `decision` → `reason` → how often. Reasons are words of Bursar's own, so their number is bounded. */
  decisions(): ReadonlyMap<string, ReadonlyMap<string, number>>;
  overhead(): Overhead;
  close(): void;
}

/** Listens to the ledger and counts. */
export function openMeasures(options: { ledger: Ledger }): Measures {
  const decisions = new Map<string, Map<string, number>>();
  const atMost = OVERHEAD_BOUNDS.map(() => 0);
  let count = 0;
  let seconds = 0;

  function tally(decision: string, reason: string): void {
    const reasons = decisions.get(decision) ?? new Map<string, number>();
    decisions.set(decision, reasons.set(reason, (reasons.get(reason) ?? 0) + 1));
  }

  const stop = options.ledger.subscribe((entries) => {
    for (const entry of entries) {
      if (entry.type === "call.held") tally("admitted", "");
      else if (entry.type === "call.refused") tally("refused", entry.code);
      else if (entry.type === "call.posted") tally("posted", entry.outcome);
      else if (entry.type === "call.voided") tally("voided", "");
      else if (entry.type === "call.presumed") tally("presumed", entry.reason);
      else if (entry.type === "call.overrun") tally("overrun", entry.cause);
    }
  });

  return {
    observe(event) {
      if (event.overhead_ms === undefined || !(event.overhead_ms >= 0)) return;
      const taken = event.overhead_ms / 1000;
      count += 1;
      seconds += taken;
      for (const [index, bound] of OVERHEAD_BOUNDS.entries()) if (taken <= bound) atMost[index] = (atMost[index] ?? 0) + 1;
    },
    decisions: () => decisions,
    overhead: () => ({ atMost: [...atMost], count, seconds }),
    close: stop,
  };
}
