import { apply } from "../../accounting/ledger/apply.js";
import { emptyState } from "../../accounting/ledger/empty-state.js";
import type { Entry } from "../../accounting/ledger/entry.js";
import type { Resolution } from "../../accounting/ledger/state.js";
import type { Clock } from "../../call/needs.js";
import { type OpenLedger, openJournal, type Persistence } from "../journal.js";
import type { LogLine } from "../log-writer.js";

/**
 * A persistence in memory: the reference that every other store is compared with. It keeps the lines as text, so that
 * what it gives back went through the same JSON as on a disk. `lines` may be handed to the next one: a restart.
 */
export function memoryPersistence(lines: LogLine[] = []): Persistence & { readonly lines: readonly LogLine[] } {
  const loaded = emptyState();
  const resolutions = new Map<string, Resolution>();

  function remember(line: LogLine): void {
    const entry = JSON.parse(line.json) as Entry;
    if (entry.type === "call.posted") resolutions.set(entry.attempt_id, { kind: "posted", nano: BigInt(entry.nano) });
    else if (entry.type === "call.voided") resolutions.set(entry.attempt_id, { kind: "voided", nano: 0n });
  }

  for (const line of lines) {
    apply(loaded, JSON.parse(line.json) as Entry);
    remember(line);
  }
  return {
    loaded,
    lines,
    async append(batch) {
      for (const line of batch) {
        lines.push(line);
        remember(line);
      }
    },
    async *read(fromSeq) {
      for (let index = Math.max(0, fromSeq - 1); index < lines.length; index++) {
        const line = lines[index];
        if (line !== undefined) yield JSON.parse(line.json) as Entry;
      }
    },
    async readCall(callId) {
      return lines.filter((line) => line.call_id === callId).map((line) => JSON.parse(line.json) as Entry);
    },
    async find(attemptId) {
      return resolutions.get(attemptId) ?? loaded.holds.get(attemptId) ?? null;
    },
    async close() {},
  };
}

/** A whole ledger in memory: real rules, no durability. For the SDK's tests, simulations and as the reference model. */
export function openMemory(options: { clock: Clock; lines?: LogLine[] }): Promise<OpenLedger> {
  return openJournal({ persistence: memoryPersistence(options.lines), clock: options.clock });
}
