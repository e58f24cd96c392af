import type { Entry } from "../../../src/accounting/ledger/entry.js";
import { openLineReader } from "../../../src/accounting/ledger/line.js";
import { DEFAULT_DRIVER } from "../../../src/stores/sqlite/driver.js";
import { openThread } from "../../../src/stores/sqlite/thread.js";
import { storedLines } from "../../../src/stores/sqlite/verify-file.js";

/** What the log says of one attempt; read entry by entry, with none of the ledger's own rules. */
export interface Attempt {
  readonly attemptId: string;
  readonly callId: string;
  /** The client's own name of the call. */
  readonly key: string;
  readonly agent: string;
  readonly task: string;
  /** Held in all, nano-dollars. */
  held: bigint;
  state: "pending" | "presumed" | "posted" | "voided";
  presumedReason: string | null;
  posted: bigint;
  evidence: string | null;
  outcome: string | null;
  overrun: string | null;
}

/** Everything the log says, as far as it was read. */
export interface Read {
  seq: number;
  /** By attempt id. */
  readonly attempts: Map<string, Attempt>;
  extensions: number;
}

/** A log of which nothing was read yet. */
export function nothingRead(): Read {
  return { seq: 0, attempts: new Map(), extensions: 0 };
}

function take(read: Read, entry: Entry): void {
  if (entry.type === "call.held") {
    const { attempt_id: attemptId, call_id: callId, attribution, ceiling } = entry;
    const named = { attemptId, callId, key: String(attribution.user), agent: attribution.agent, task: String(attribution.task) };
    const open = { state: "pending" as const, presumedReason: null, posted: 0n, evidence: null, outcome: null, overrun: null };
    read.attempts.set(attemptId, { ...named, held: BigInt(ceiling.nano), ...open });
    return;
  }
  const attempt = "attempt_id" in entry ? read.attempts.get(entry.attempt_id) : undefined;
  if (attempt === undefined) return;
  if (entry.type === "call.extended") {
    attempt.held += BigInt(entry.ceiling.nano);
    read.extensions += 1;
  } else if (entry.type === "call.presumed") {
    attempt.state = "presumed";
    attempt.presumedReason = entry.reason;
  } else if (entry.type === "call.voided") attempt.state = "voided";
  else if (entry.type === "call.overrun") attempt.overrun = entry.cause;
  else if (entry.type === "call.posted") {
    const { evidence, outcome } = entry;
    Object.assign(attempt, { state: "posted", posted: BigInt(entry.nano), evidence, outcome });
  }
}

// Accounts are not looked at, so their names may stay what they are in the line: numbers.
const lineAsEntry = openLineReader(String);

/** Reads on from where the last reading ended, from the file, while a server may run on it. */
export async function readOn(data: string, read: Read): Promise<void> {
  const { thread } = await openThread<null>("read-worker", { directory: data, driver: DEFAULT_DRIVER, checkedAtStart: 0 });
  try {
    for await (const line of storedLines(thread, read.seq + 1)) {
      take(read, lineAsEntry(line.seq, line.json));
      read.seq = line.seq;
    }
  } finally {
    await thread.close();
  }
}
