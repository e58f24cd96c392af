/**
 * The history checker: is a whole log one that may have happened? Reads entries with naive books of its own, which share no
 * rule with the ledger, and folds them with the ledger's; the two must agree. For the end of every test that leaves a log.
 */
import { apply } from "../src/accounting/ledger/apply.js";
import { emptyState } from "../src/accounting/ledger/empty-state.js";
import type { Entry } from "../src/accounting/ledger/entry.js";
import type { State } from "../src/accounting/ledger/state.js";
import { openSqlite } from "../src/stores/sqlite/open-sqlite.js";
import { standingClock } from "./ledger-fixtures.js";
import { Books } from "./simulation/books.js";

/** What a log tells. */
export interface History {
  /** What may not have happened, in the order of the entries; at most a hundred. */
  readonly problems: readonly string[];
  /** Attempts that nothing has settled, by what they are. */
  readonly pending: readonly string[];
  readonly presumed: readonly string[];
  readonly entries: number;
}

const PROBLEMS_MAX = 100;

/**
 * Checks that
 *
 * - entries are numbered without a gap, and an account is opened once, before it is used;
 * - every attempt is held once, extended only while it is pending, presumed at most once, and posted or voided once at most,
 *   after which nothing follows; a presumed one is voided only by somebody who is named;
 * - what is set aside is what the ceiling says, and stands within the limit of every hard account at that moment, so that
 *   nothing is admitted while an account is full or over;
 * - what is posted is what the usage says, or the hold; beyond the hold only with an overrun that names a cause and exactly
 *   the amount;
 * - the balances that follow are those of the fold, and those that are served, where they are given.
 */
export async function checkHistory(entries: AsyncIterable<Entry> | Iterable<Entry>, served?: State): Promise<History> {
  const problems: string[] = [];
  let at = 0;
  const books = new Books((problem) => {
    if (problems.length < PROBLEMS_MAX) problems.push(`entry ${at}: ${problem}`);
  }, false);
  const folded = emptyState();
  for await (const entry of entries) {
    at = entry.seq;
    books.take(entry);
    apply(folded, entry);
  }
  books.end();
  books.compare(folded);
  if (served !== undefined) books.compare(served);
  const inState = (wanted: string): string[] =>
    [...books.attempts.values()].filter(({ state }) => state === wanted).map(({ attempt_id }) => attempt_id);
  return { problems, pending: inState("pending"), presumed: inState("presumed"), entries: at };
}

/** The same for a data directory that no process has open, with the state that a start would serve from it. */
export async function checkHistoryIn(directory: string): Promise<History> {
  const persistence = await openSqlite({ directory, clock: standingClock() });
  try {
    return await checkHistory(persistence.read(1), persistence.loaded);
  } finally {
    await persistence.close();
  }
}
