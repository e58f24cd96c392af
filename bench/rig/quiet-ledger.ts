/** A ledger that forgets what it wrote: the real rules without a disk, and without memory that grows with the run. */
import type { Budget } from "../../src/accounting/budget/budget.js";
import type { AccountView } from "../../src/accounting/ledger/command.js";
import { emptyState } from "../../src/accounting/ledger/empty-state.js";
import { openLineWriter } from "../../src/accounting/ledger/line.js";
import type { Clock, Ledger } from "../../src/call/needs.js";
import { type OpenLedger, openJournal, type Persistence } from "../../src/stores/journal.js";

async function* nothing(): AsyncGenerator<never> {}

/** Opens it with budgets declared. Nothing can be read back. */
export async function openQuietLedger(clock: Clock, budgets: readonly Budget[]): Promise<OpenLedger> {
  const loaded = emptyState();
  const persistence: Persistence = {
    loaded,
    textOf: openLineWriter(loaded.accounts),
    append: async () => undefined,
    read: nothing,
    readCall: async () => [],
    find: async () => null,
    close: async () => undefined,
  };
  const ledger = await openJournal({ persistence, clock });
  const [declared] = await ledger.apply([{ type: "declare", budgets, actor: "bench", reason: "bench" }]);
  if (declared?.ok !== true) throw new Error("The budgets of the benchmark could not be declared");
  return ledger;
}

/**
 * The same ledger standing still: every command is answered as done, at once, with the accounts given, and nothing is
 * decided or written. What the road itself costs is what is left.
 */
export function stillLedger(ledger: Ledger, accounts: readonly AccountView[]): Ledger {
  const done = Promise.resolve([{ ok: true, accounts, changed: true } as const]);
  return { ...ledger, apply: () => done };
}
