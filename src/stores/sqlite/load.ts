/**
 * From the file to the state: the checkpoint's rows, then the tail of the log folded over them, every entry of the tail
 * checked against the chain. Money path: fails closed — whatever does not fit is `ledger_corrupt`, naming the entry.
 */
import { apply, resolve } from "../../accounting/ledger/apply.js";
import { GENESIS_HASH } from "../../accounting/ledger/chain.js";
import { emptyState, nothingTouched } from "../../accounting/ledger/empty-state.js";
import type { Entry } from "../../accounting/ledger/entry.js";
import { markOf, openLineReader } from "../../accounting/ledger/line.js";
import type { State, Touched } from "../../accounting/ledger/state.js";
import { type ChainEnd, corrupt, hexOf, logRow, passRow } from "./chain-check.js";
import { prepareQuery, type SqlConnection, textOf } from "./driver.js";
import type { Head } from "./head-file.js";
import { readSql } from "./layout.js";
import { EMPTY_DIGEST, openDigest, takeRow } from "./state-rows.js";

/**
 * Entries checked at every start, also where the checkpoint is newer: some 20 µs each on a start's cold code, so a tenth of
 * a second. No balance depends on older ones, they are checked in the background. Also the stretch in which settled attempts
 * are remembered; others are looked up.
 */
export const CHECKED_AT_START = 5_000;

/** Rows read at a time. */
export const CHUNK = 1_000;

/** A ledger as it was found. */
export interface Loaded {
  readonly state: State;
  readonly end: ChainEnd;
  /** Entries up to this one were not checked at the start. */
  readonly unchecked: ChainEnd;
  /** How many entries were folded over the checkpoint, and what they changed: the next checkpoint writes that too. */
  readonly folded: number;
  /** Digest over the rows of the checkpoint. */
  readonly digest: string;
  readonly touched: Touched;
}

interface Checkpoint extends ChainEnd {
  readonly at: number;
  readonly budgetsVersion: number;
  readonly digest: string;
}

function readCheckpoint(connection: SqlConnection): Checkpoint | null {
  const row = prepareQuery(connection, readSql("read-checkpoint"))()[0];
  if (row === undefined) return null;
  const [seq, at, hash, budgetsVersion, digest] = row;
  return { seq: Number(seq), at: Number(at), hash: textOf(hash), budgetsVersion: Number(budgetsVersion), digest: textOf(digest) };
}

/** The state at the last checkpoint; throws when its rows are not those that were written. */
export function loadCheckpoint(connection: SqlConnection): { state: State; end: ChainEnd; digest: string } {
  const checkpoint = readCheckpoint(connection);
  const state = emptyState();
  if (checkpoint === null) return { state, end: { seq: 0, hash: GENESIS_HASH }, digest: EMPTY_DIGEST };
  const { seq, at, hash, budgetsVersion } = checkpoint;
  const digest = openDigest();
  for (const [kind, key, json] of prepareQuery(connection, readSql("read-state"))()) {
    const row = { kind: textOf(kind), key: textOf(key), json: textOf(json) };
    digest.add(row);
    takeRow(state, row);
  }
  if (digest.hex() !== checkpoint.digest) throw corrupt(seq, "has a checkpoint whose balances are not those that were written");
  Object.assign(state, { seq, at, budgets_version: budgetsVersion });
  return { state, end: { seq, hash }, digest: checkpoint.digest };
}

/** Every row of the log from a number on, read in chunks so that no read transaction stays open. */
export function* rowsFrom(connection: SqlConnection, fromSeq: number): Generator<ReturnType<typeof logRow>> {
  const read = prepareQuery(connection, readSql("read-lines"));
  let next = fromSeq;
  for (;;) {
    const rows = read(next, CHUNK);
    for (const row of rows) yield logRow(row);
    if (rows.length < CHUNK) return;
    next = Number(rows.at(-1)?.[0]) + 1;
  }
}

/** Number of the last entry; 0 in an empty log. */
export function lastSeq(connection: SqlConnection): number {
  return Number(prepareQuery(connection, readSql("read-last-seq"))()[0]?.[0] ?? 0);
}

function hashAt(connection: SqlConnection, seq: number): string {
  if (seq === 0) return GENESIS_HASH;
  const row = prepareQuery(connection, readSql("read-hash"))(seq)[0];
  if (row === undefined) throw corrupt(seq, "is missing");
  return hexOf(row[0]);
}

/** Takes what settled in an entry into the state's memory of recent attempts. */
function remember(state: State, entry: Entry): void {
  if (entry.type === "call.posted") resolve(state, entry.attempt_id, { kind: "posted", nano: BigInt(entry.nano) });
  else if (entry.type === "call.voided") resolve(state, entry.attempt_id, { kind: "voided", nano: 0n });
}

/**
 * Reads the lines behind a checkpoint, whose accounts name those that lines name by number. Accounts that it does not have
 * any more were dropped: no balance depends on their names.
 */
export function readerBehind(state: State): (seq: number, text: string) => Entry {
  const names = new Map<number, string>();
  let known = 0;
  return openLineReader((number) => {
    if (number > known) {
      for (const account of state.accounts.values()) names.set(account.number, account.id);
      known = state.opened;
    }
    return names.get(number) ?? `dropped/${number}`;
  });
}

/** Loads a ledger. `head` is the last acknowledged entry, where it is known. */
export function loadLedger(connection: SqlConnection, by: { head: Head | null; checkedAtStart: number }): Loaded {
  const { head } = by;
  const last = lastSeq(connection);
  const promised = head?.seq ?? 0;
  if (last < promised) throw corrupt(last + 1, `is gone: entry ${promised} was acknowledged, and the log ends with ${last}`);
  const { state, end: checkpoint, digest } = loadCheckpoint(connection);
  if (last < checkpoint.seq)
    throw corrupt(last + 1, `is gone: the last checkpoint is at entry ${checkpoint.seq}, and the log ends with ${last}`);
  const start = Math.max(0, Math.min(checkpoint.seq, last - by.checkedAtStart));
  const unchecked = { seq: start, hash: hashAt(connection, start) };
  const touched = nothingTouched();
  let end: ChainEnd = unchecked;
  expectHash(end, checkpoint, "checkpoint");
  const read = readerBehind(state);
  for (const row of rowsFrom(connection, start + 1)) {
    end = passRow(end, row);
    expectHash(end, checkpoint, "checkpoint");
    if (head !== null) expectHash(end, head, "head file");
    if (row.seq > checkpoint.seq) apply(state, read(row.seq, row.json), touched);
    else if (markOf(row.json)?.part === 1) remember(state, read(row.seq, row.json));
  }
  return { state, end, unchecked, folded: last - checkpoint.seq, digest, touched };
}

function expectHash(end: ChainEnd, known: ChainEnd, where: string): void {
  if (end.seq === known.seq && end.hash !== known.hash) throw corrupt(end.seq, `is another one than the ${where} names`);
}
