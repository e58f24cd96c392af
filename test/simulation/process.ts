/** One process of Bursar in the simulated world: the real journal over the simulated disk, the real road over both. */
import type { LedgerCommand, LedgerResult } from "../../src/accounting/ledger/command.js";
import type { State } from "../../src/accounting/ledger/state.js";
import { openPriceBook } from "../../src/accounting/price/price-book.js";
import type { PriceBook } from "../../src/accounting/price/price-row.js";
import type { CallLimits, CallNeeds, CallObserved, Clock, Ledger } from "../../src/call/needs.js";
import { openReplies } from "../../src/call/replies.js";
import { openRoad, type Road } from "../../src/call/run-call.js";
import { type OpenLedger, openJournal } from "../../src/stores/journal.js";
import { openSteadyTime } from "../../src/surfaces/steady-time.js";
import type { OpenDisk, SimulatedDisk } from "./disk.js";
import type { Operations } from "./operations.js";
import type { Scheduler } from "./scheduler.js";

export interface Process {
  readonly owner: number;
  readonly ledger: OpenLedger;
  /** The ledger as the road and other programs reach it. */
  readonly door: Ledger;
  readonly clock: Clock;
  readonly road: Road;
  readonly disk: OpenDisk;
  readonly prices: PriceBook;
}

export interface ProcessOptions {
  readonly owner: number;
  readonly scheduler: Scheduler;
  readonly disk: SimulatedDisk;
  readonly wall: () => number;
  /** Virtual milliseconds that the machine has slept: they passed, and monotonic time does not know it. */
  readonly slept: () => number;
  readonly operations: Operations;
  readonly prices: PriceBook;
  readonly newId: () => string;
  readonly onCommand: (command: LedgerCommand) => void;
  readonly onAnswer: (command: LedgerCommand, result: LedgerResult) => void;
  readonly observe: (event: CallObserved) => void;
  readonly fail: (message: string) => void;
  /** Sees the state that was read from the disk, before anything is done with it. */
  readonly opened: (loaded: State) => void;
}

export const LIMITS: CallLimits = {
  retries_max: 2,
  first_byte_ms: 10_000,
  idle_ms: 8_000,
  reply_bytes_max: 1_000_000,
  event_bytes_max: 200_000,
  drain_ms: 3_000,
};

/** The prices that every world knows; they never change, so they are read once. */
export function readPrices(): PriceBook {
  return openPriceBook();
}

/** Wall time may jump, monotonic time is the scheduler's, and boot time goes on while the machine sleeps. */
function clockFor({ scheduler, owner, wall, slept, operations }: ProcessOptions): Clock {
  const monotonic = (): number => scheduler.now;
  return {
    now: openSteadyTime({ wall, monotonic, uptime: () => scheduler.now + slept() }),
    monotonic,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) {
          resolve();
          return;
        }
        const stop = scheduler.after(ms, owner, done);
        function done(): void {
          operations.timer += 1;
          signal?.removeEventListener("abort", early);
          resolve();
        }
        function early(): void {
          stop();
          resolve();
        }
        signal?.addEventListener("abort", early, { once: true });
      }),
  };
}

function openDoor(ledger: OpenLedger, { onCommand, onAnswer }: ProcessOptions): Ledger {
  return {
    ...ledger,
    async apply(commands) {
      for (const command of commands) onCommand(command);
      const results = await ledger.apply(commands);
      results.forEach((result, index) => void onAnswer(commands[index] as LedgerCommand, result));
      return results;
    },
  };
}

/** Starts a process: the disk is read, what was pending is presumed, the road is opened. */
export async function startProcess(options: ProcessOptions): Promise<Process> {
  const { owner, prices, newId, observe, fail } = options;
  const clock = clockFor(options);
  const disk = options.disk.open(owner);
  options.opened(disk.loaded);
  const fault = (error: unknown): void => {
    // A sweep that cannot be written is the store's failure, which the restart after it settles.
    if (ledger?.failure() === null) fail(`A reader of the log, or the sweep, failed: ${String(error)}`);
  };
  let ledger: OpenLedger | null = null;
  ledger = await openJournal({ persistence: disk, clock, fault });
  const door = openDoor(ledger, options);
  const replies = openReplies({ ledger: door, clock });
  await replies.load();
  const needs: CallNeeds = {
    clock,
    newId,
    ledger: door,
    prices,
    catalog: { candidates: () => [] },
    estimator: {
      input: ({ body }) => ({ tokens: Math.ceil(body.byteLength / 4), exact: false, bytes: body.byteLength, unbounded: [] }),
    },
    agent: () => ({ output_default: 2_000 }),
    observe,
    limits: LIMITS,
  };
  return { owner, ledger, door, clock, road: openRoad(needs, replies), disk, prices };
}
