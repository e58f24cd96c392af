import type { Hold, Resolution, State } from "../accounting/ledger/state.js";
import type { Entry, EntryType } from "../accounting/ledger/entry.js";

/** One entry as it is stored: its JSON text and the columns to find it by. */
export interface LogLine {
  readonly seq: number;
  readonly at: number;
  readonly type: EntryType;
  readonly call_id: string | null;
  readonly attempt_id: string | null;
  readonly json: string;
}

/**
 * What a journal writes to. The journal holds the state and decides; a persistence makes lines durable and finds old ones.
 * `append` is called with the next batch only after the last one resolved. Once it rejects, nothing more is appended.
 */
export interface Persistence {
  /** The state at the end of the log, ready to go on from. */
  readonly loaded: State;
  append(lines: readonly LogLine[]): Promise<void>;
  read(fromSeq: number): AsyncIterable<Entry>;
  readCall(callId: string): Promise<readonly Entry[]>;
  /** What became of an attempt that memory no longer knows; null when the log has never seen it. */
  find(attemptId: string): Promise<Resolution | Hold | null>;
  close(): Promise<void>;
}
