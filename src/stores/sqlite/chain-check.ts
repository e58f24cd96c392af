/** Checks stored lines against their hash chain, one after the other. Money path: fails closed. */
import { hash } from "node:crypto";
import { BursarError } from "../../accounting/errors.js";
import { chainHash } from "../../accounting/ledger/chain.js";
import { type SqlValue, textOf } from "./driver.js";

/** SHA-256 of a text, in hex. */
export function sha256(text: string): string {
  return hash("sha256", text, "hex");
}

/** One row of the log as the database gives it. */
export interface LogRow {
  readonly seq: number;
  readonly json: string;
  /** Hex. */
  readonly hash: string;
}

/** A hash as it is stored, in hex; a value that is no blob gives an empty text, which no hash equals. */
export function hexOf(value: SqlValue | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex") : "";
}

/** Reads the columns of `read-lines.sql`. */
export function logRow([seq, json, stored]: readonly SqlValue[]): LogRow {
  return { seq: Number(seq), json: textOf(json), hash: hexOf(stored) };
}

/** The error for a ledger that is not what was written, naming the first entry where it shows. */
export function corrupt(seq: number, what: string, cause?: unknown): BursarError {
  const message = `Entry ${seq} of the ledger ${what}. Nothing is served from it. See bursar verify; then restore a backup or start a new ledger: --data DIR.`;
  return new BursarError("ledger_corrupt", message, { seq }, { cause });
}

/** A place in the chain: the number and the hash (hex) of the entry passed last. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

/** Passes one row: answers the new end, or throws `ledger_corrupt` when the row does not follow from the end. */
export function passRow(end: ChainEnd, row: LogRow): ChainEnd {
  const seq = end.seq + 1;
  if (row.seq !== seq) throw corrupt(seq, `is missing; the log goes on with ${row.seq}`);
  const expected = chainHash({ previous: end.hash, json: row.json, sha256 });
  if (row.hash !== expected) throw corrupt(seq, "is not what was written: its hash does not follow from the entry before it");
  return { seq, hash: expected };
}
