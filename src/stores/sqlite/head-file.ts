/**
 * The head: number and hash of the last acknowledged entry, in a file of its own. SQLite drops a damaged end of its WAL
 * without a word, and the chain of what is left is whole; the head tells that something is gone. It is overwritten in
 * place after each commit and not synced: it may be older than the log, never newer. Money path: fails closed.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { BursarError } from "../../accounting/errors.js";

/** The last entry that somebody was told is durable. */
export interface Head {
  readonly seq: number;
  /** Hex. */
  readonly hash: string;
}

/** Reads the head; null when there is none (nothing acknowledged yet, or the file was removed). */
export function readHead(path: string): Head | null {
  const text = readFileSync(path, "utf8");
  if (text === "") return null;
  const found = /^(\d{16}) ([0-9a-f]{64})\n$/.exec(text);
  if (found !== null) return { seq: Number(found[1]), hash: found[2] as string };
  const message = `The file ${path} is damaged: it does not name the last acknowledged entry. Check the ledger with bursar verify, then delete the file.`;
  throw new BursarError("ledger_corrupt", message, { path });
}

/** Opens the head for writing. One line of fixed length, so that each write replaces the last one whole. */
export function openHead(path: string): { write(head: Head): void; close(): void } {
  const file = openSync(path, "r+");
  return {
    write: ({ seq, hash }) => void writeSync(file, `${String(seq).padStart(16, "0")} ${hash}\n`, 0),
    close: () => closeSync(file),
  };
}
