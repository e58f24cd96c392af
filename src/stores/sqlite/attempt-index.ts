/**
 * The index of attempts: which entries an attempt has, and that it is held once and settled once. Written some hundred
 * entries behind the log, inside a batch's own transaction: in the order of its keys, without a sync of its own, and
 * without making each commit wait for it. Readers look through what is not indexed yet. Money path: fails closed.
 */
import { markOf } from "../../accounting/ledger/line.js";
import { prepareQuery, type SqlConnection, type SqlValue } from "./driver.js";
import { readSql } from "./layout.js";
import { rowsFrom } from "./load.js";

/** Entries that wait at most before they are indexed; a search reads through them. */
const WAITING_MAX = 256;
/** Rows of index-attempts.sql. */
const ROWS_AT_ONCE = 16;

/** An attempt's entry as the index has it: id, part, number. */
type Row = readonly [string, number, number];

/** Number of the entry up to which the index is written. */
export function indexedTo(connection: SqlConnection): number {
  return Number(prepareQuery(connection, readSql("read-indexed"))()[0]?.[0] ?? 0);
}

function rowOf(seq: number, text: string): Row | null {
  const mark = markOf(text);
  return mark === null ? null : [mark.attempt_id, mark.part ?? -seq, seq];
}

/** The index of an open log; `last` is its last entry. */
export interface AttemptIndex {
  /** Notes an entry that was appended. */
  add(seq: number, text: string): void;
  /** Writes what was noted when it is much, or all of it. The caller has begun a transaction. */
  write(all?: "all"): void;
}

/** Opens it, with those entries noted that it does not have yet. */
export function openAttemptIndex(connection: SqlConnection): AttemptIndex {
  const insertOne = connection.prepare(readSql("index-attempt"));
  const insertMany = connection.prepare(readSql("index-attempts"));
  const move = connection.prepare(readSql("put-indexed"));
  let rows: Row[] = [];
  let last = indexedTo(connection);
  let written = last;

  function add(seq: number, text: string): void {
    const row = rowOf(seq, text);
    if (row !== null) rows.push(row);
    last = seq;
  }

  for (const { seq, json } of rowsFrom(connection, written + 1)) add(seq, json);
  return {
    add,
    write(all) {
      if (last === written || (all === undefined && last - written < WAITING_MAX)) return;
      // In the order of their keys they go to the end of the table, one page after the other.
      rows.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
      let next = 0;
      for (; next + ROWS_AT_ONCE <= rows.length; next += ROWS_AT_ONCE) {
        const values: SqlValue[] = [];
        for (let row = next; row < next + ROWS_AT_ONCE; row++) values.push(...(rows[row] as Row));
        insertMany.run(values);
      }
      for (; next < rows.length; next++) insertOne.run([...(rows[next] as Row)]);
      move.run([last]);
      rows = [];
      written = last;
    },
  };
}
