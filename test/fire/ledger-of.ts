import { expect } from "vitest";
import type { RunningBursar } from "../e2e/running-bursar.js";
import { checkHistory } from "../history.js";

/** What the ledger came to for one call of one attempt. */
export interface Counted {
  readonly state: "pending" | "posted" | "voided" | "presumed";
  /** What counts against the budgets: the post, or what is held while nobody knows. */
  readonly nano: bigint;
  readonly held: bigint;
  readonly evidence: string | null;
  readonly outcome: string | null;
  readonly flags: readonly string[];
  readonly overrun: string | null;
}

interface Growing extends Omit<Counted, "nano"> {
  readonly key: string;
  readonly posted: bigint;
  /** Entries that end an attempt. */
  readonly ends: number;
}

/**
 * Has the history checker read the whole log, then reads it, entry by entry, with none of the ledger's own rules: by the `x-bursar-user` of each call. Fails when
 * a call has two attempts, or an attempt has more than one end.
 */
export async function countedByUser(at: RunningBursar): Promise<Map<string, Counted>> {
  const { ledger } = at.server.core;
  expect((await checkHistory(ledger.read(1))).problems).toEqual([]);
  const attempts = new Map<string, Growing>();
  for await (const entry of ledger.read(1)) {
    if (!("attempt_id" in entry) || entry.type === "call.refused") continue;
    const { attempt_id } = entry;
    if (entry.type === "call.held") {
      const open = { state: "pending" as const, posted: 0n, ends: 0, evidence: null, outcome: null, flags: [], overrun: null };
      attempts.set(attempt_id, { key: String(entry.attribution.user), held: BigInt(entry.ceiling.nano), ...open });
      continue;
    }
    const one = attempts.get(attempt_id);
    if (one === undefined) throw new Error(`${entry.type} of an attempt that was never held: ${attempt_id}`);
    attempts.set(attempt_id, { ...one, ...changeOf(entry, one) });
  }
  const counted = new Map<string, Counted>();
  for (const { key, posted, ends, ...one } of attempts.values()) {
    expect({ key, ends, twice: counted.has(key) }).toEqual({ key, ends: 1, twice: false });
    counted.set(key, { ...one, nano: one.state === "posted" ? posted : one.state === "voided" ? 0n : one.held });
  }
  return counted;
}

type Read = RunningBursar["server"]["core"]["ledger"]["read"] extends (from: number) => AsyncIterable<infer E> ? E : never;

function changeOf(entry: Read, one: Growing): Partial<Growing> {
  if (entry.type === "call.extended") return { held: one.held + BigInt(entry.ceiling.nano) };
  if (entry.type === "call.presumed") return { state: "presumed", ends: one.ends + 1 };
  if (entry.type === "call.voided") return { state: "voided", ends: one.ends + 1 };
  if (entry.type === "call.overrun") return { overrun: entry.cause };
  if (entry.type !== "call.posted") return {};
  const { evidence, outcome, flags = [] } = entry;
  return { state: "posted", posted: BigInt(entry.nano), ends: one.ends + 1, evidence, outcome, flags };
}
