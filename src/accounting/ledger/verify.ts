import { limitAt, standingOf } from "../budget/accounts.js";
import { apply } from "./apply.js";
import { chainHash, GENESIS_HASH } from "./chain.js";
import { emptyState } from "./empty-state.js";
import type { Entry, PostedEntry, Posting } from "./entry.js";
import { openLineReader } from "./line.js";
import type { Account, Hold, State } from "./state.js";

/** One thing that is not as the rules say, at the first entry where it shows. */
export interface Violation {
  readonly seq: number;
  /** `sequence`, `hash`, `json`, `I1` … `I10`. */
  readonly rule: string;
  readonly message: string;
}

/** A stored line: its text (see line.ts) and, where the store keeps one, its hash. */
export interface StoredLine {
  readonly seq: number;
  readonly json: string;
  readonly hash: string | null;
}

/** What a check of the whole log found. */
export interface Verified {
  readonly entries: number;
  readonly violations: readonly Violation[];
  /** The fold of the whole log: compare it with what a store serves. */
  readonly state: State;
  readonly hash: string;
}

/** Violations reported at most; the first is the one that matters. */
const VIOLATIONS_MAX = 100;

/** Checks a log line by line, in order: sequence, hash chain, and the invariants as the fold goes. Pure but for `sha256`. */
export interface Verifier {
  check(line: StoredLine): void;
  finish(): Verified;
}

/** Begins a check at the first entry. `sha256`: hex of a UTF-8 text. */
export function openVerifier(options: { sha256: (text: string) => string }): Verifier {
  const state = emptyState();
  const read = openLineReader();
  const violations: Violation[] = [];
  let hash = GENESIS_HASH;
  let entries = 0;
  let owed: { attempt: string; seq: number } | null = null;

  function report(seq: number, rule: string, message: string): void {
    if (violations.length < VIOLATIONS_MAX) violations.push({ seq, rule, message });
  }

  function checkChain(line: StoredLine): Entry | null {
    const expected = state.seq + 1;
    if (line.seq !== expected) report(expected, "sequence", `Entry ${expected} is missing; the log goes on with ${line.seq}.`);
    hash = chainHash({ previous: hash, json: line.json, sha256: options.sha256 });
    if (line.hash !== null && line.hash !== hash) {
      report(line.seq, "hash", `Entry ${line.seq} is not what was written: its hash does not follow from the entry before it.`);
      hash = line.hash;
    }
    try {
      return read(line.seq, line.json);
    } catch (error) {
      report(line.seq, "json", `Entry ${line.seq} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  return {
    check(line) {
      const entry = checkChain(line);
      entries += 1;
      if (entry === null) {
        state.seq = line.seq;
        return;
      }
      if (owed !== null && !(entry.type === "call.overrun" && entry.attempt_id === owed.attempt)) {
        report(owed.seq, "I1", `Entry ${owed.seq} posts more than was held on ${owed.attempt} and names no overrun.`);
      }
      owed = null;
      for (const problem of problemsBefore(state, entry)) report(line.seq, problem.rule, problem.message);
      if (entry.type === "call.posted" && exceedsHold(state, entry)) owed = { attempt: entry.attempt_id, seq: line.seq };
      apply(state, entry);
      for (const problem of problemsAfter(state, entry)) report(line.seq, problem.rule, problem.message);
    },
    finish() {
      if (owed !== null)
        report(owed.seq, "I1", `Entry ${owed.seq} posts more than was held on ${owed.attempt} and names no overrun.`);
      for (const problem of heldProblems(state)) report(state.seq, problem.rule, problem.message);
      return { entries, violations, state, hash };
    },
  };
}

interface Problem {
  readonly rule: string;
  readonly message: string;
}

function exceedsHold(state: State, entry: PostedEntry): boolean {
  const hold = state.holds.get(entry.attempt_id);
  if (hold === undefined) return false;
  return BigInt(entry.nano) > hold.ceiling.nano || entry.postings.some((one) => BigInt(one.amount) > heldOn(hold, one.account));
}

function heldOn(hold: Hold, id: string): bigint {
  return hold.amounts[hold.accounts.findIndex((account) => account.id === id)] ?? 0n;
}

function problemsBefore(state: State, entry: Entry): readonly Problem[] {
  if (entry.type === "call.held") {
    const again = state.holds.has(entry.attempt_id) || state.resolutions.has(entry.attempt_id);
    return again ? [{ rule: "I16", message: `Attempt ${entry.attempt_id} is held twice.` }] : [];
  }
  const settles = entry.type === "call.posted" || entry.type === "call.voided";
  if (settles || entry.type === "call.extended" || entry.type === "call.presumed") {
    if (!state.holds.has(entry.attempt_id)) {
      return [{ rule: "I4", message: `${entry.type} of attempt ${entry.attempt_id}, which has no open hold.` }];
    }
  }
  return [];
}

function problemsAfter(state: State, entry: Entry): readonly Problem[] {
  const found: Problem[] = [];
  if (!("postings" in entry)) return found;
  for (const posting of entry.postings) {
    const account = state.accounts.get(posting.account);
    if (account === undefined)
      found.push({ rule: "I5", message: `${entry.type} names the account ${posting.account}, which was never opened.` });
    else found.push(...accountProblems(state, { account, posting, entry }));
  }
  return found;
}

function accountProblems(state: State, of: { account: Account; posting: Posting; entry: Entry }): readonly Problem[] {
  const { account, posting, entry } = of;
  const found: Problem[] = [];
  if (account.held < 0n || account.used < 0n || account.presumed < 0n || BigInt(posting.amount) < 0n) {
    found.push({ rule: "I9", message: `Account ${account.id} has a negative amount.` });
  }
  if (entry.type !== "call.held" && entry.type !== "call.extended") return found;
  const budget = state.budgets.get(account.budget);
  if (budget === undefined || budget.budget.mode !== "hard") return found;
  const limit = limitAt(budget, entry.at);
  const standing = standingOf(state, { budget, opening: account, account }, entry.at);
  if (limit !== null && standing.used + standing.held > limit) {
    const message = `Account ${account.id} admits beyond its limit: used ${standing.used} + held ${standing.held} > ${limit}.`;
    found.push({ rule: "I1", message });
  }
  return found;
}

/** I5: what accounts hold is exactly what the open holds say. */
function heldProblems(state: State): readonly Problem[] {
  const held = new Map<string, bigint>();
  for (const hold of state.holds.values()) {
    for (const [index, { id }] of hold.accounts.entries()) held.set(id, (held.get(id) ?? 0n) + (hold.amounts[index] ?? 0n));
  }
  const found: Problem[] = [];
  for (const account of state.accounts.values()) {
    const expected = held.get(account.id) ?? 0n;
    if (account.held !== expected) {
      found.push({ rule: "I5", message: `Account ${account.id} holds ${account.held}; its open holds add up to ${expected}.` });
    }
  }
  return found;
}
