/**
 * Compares what the gateway wrote with what the provider billed, call by call, and adds it up. Money in nano-dollars.
 * Money path: fails closed — a billed call that no entry explains is a finding.
 */
import type { OverrunCause } from "../../../accounting/ledger/entry.js";
import { inFlightNano, usageArrived } from "./bill-line.js";
import type { BillLine } from "./books.js";
import type { AttemptAccount, CallAccount } from "./call-account.js";
import type { Seen } from "./traffic.js";

/** A number of calls and what they come to. */
export interface Sum {
  calls: number;
  nano: bigint;
}

/** What one agent did. */
export interface AgentTally {
  calls: number;
  refused: number;
  spent: bigint;
}

/** Everything that a replay counts. */
export interface Tally {
  calls: number;
  admitted: number;
  /** Refusals by budget, e.g. `agent`, or by code where none is named. */
  readonly refused: Map<string, { final: number; waiting: number }>;
  false_refusals: number;
  cut: number;
  left: number;
  /** Attempts after the first. */
  retried: number;
  /** Calls that the gateway answered with an error that is no refusal, by status. */
  readonly failed: Map<number, number>;
  unanswered: number;
  readonly spent: Sum;
  readonly bill: Sum;
  /** Calls whose usage arrived, by the bill or by the ledger's word: `difference` is bill − posted, and `wrong` how many are off or name another response. */
  readonly exact: Sum & { difference: bigint; wrong: number };
  /** Calls whose usage did not arrive: what is counted (posted, or held where presumed), what was billed. */
  readonly unsure: Sum & { billed: bigint; covered: number };
  /** Billed beyond what is counted, for a cause that no gateway can know of. */
  readonly beyond: Map<OverrunCause, Sum>;
  /** Overrun entries. */
  readonly overruns: Map<OverrunCause, Sum>;
  readonly presumed: Sum;
  pending: number;
  /** Billed, but neither counted nor explained. */
  readonly unexplained: Sum;
  /** The first findings, for a person. */
  readonly findings: string[];
  readonly agents: Map<string, AgentTally>;
}

const FINDINGS_MAX = 20;
const sum = (): Sum => ({ calls: 0, nano: 0n });

/** Nothing counted yet. */
export function emptyTally(): Tally {
  return {
    calls: 0,
    admitted: 0,
    refused: new Map(),
    false_refusals: 0,
    cut: 0,
    left: 0,
    retried: 0,
    failed: new Map(),
    unanswered: 0,
    spent: sum(),
    bill: sum(),
    exact: { ...sum(), difference: 0n, wrong: 0 },
    unsure: { ...sum(), billed: 0n, covered: 0 },
    beyond: new Map(),
    overruns: new Map(),
    presumed: sum(),
    pending: 0,
    unexplained: sum(),
    findings: [],
    agents: new Map(),
  };
}

function add(to: Sum, nano: bigint): void {
  to.calls += 1;
  to.nano += nano;
}

function addTo<K>(map: Map<K, Sum>, key: K, nano: bigint): void {
  const known = map.get(key) ?? sum();
  add(known, nano);
  map.set(key, known);
}

function find(tally: Tally, text: string): void {
  if (tally.findings.length < FINDINGS_MAX) tally.findings.push(text);
}

function refuse(tally: Tally, call: CallAccount): void {
  const { refusal } = call;
  if (refusal === null) return;
  const name = refusal.budget ?? refusal.code;
  const known = tally.refused.get(name) ?? { final: 0, waiting: 0 };
  if (refusal.code === "budget_waiting") known.waiting += 1;
  else known.final += 1;
  tally.refused.set(name, known);
  if (refusal.justified !== false) return;
  tally.false_refusals += 1;
  find(tally, `${call.call_id} was refused although it fits: ${refusal.message}`);
}

/** Does the gateway know of this attempt what the provider told: its usage, or that nothing was billed? */
function isSure(attempt: AttemptAccount): boolean {
  return attempt.state === "voided" || (attempt.state === "posted" && attempt.evidence === "provider");
}

/** What the ledger counts an attempt at. */
function countedAt(attempt: AttemptAccount): bigint {
  if (attempt.state === "posted") return attempt.posted;
  return attempt.state === "presumed" ? attempt.held : 0n;
}

function countAttempts(tally: Tally, attempts: readonly AttemptAccount[]): void {
  for (const attempt of attempts) {
    if (attempt.state === "pending") tally.pending += 1;
    if (attempt.state === "presumed") add(tally.presumed, attempt.held);
    if (attempt.state === "posted") add(tally.spent, attempt.posted);
    if (attempt.outcome === "cut") tally.cut += 1;
    if (attempt.overrun !== null) addTo(tally.overruns, attempt.overrun.cause, attempt.overrun.nano);
  }
}

function compareSure(tally: Tally, call: CallAccount, of: { counted: bigint; lines: readonly BillLine[]; billed: bigint }): void {
  const { counted, lines, billed } = of;
  const ids = new Set(lines.map((line) => line.id));
  const strange = [...call.attempts.values()].find(({ state, response_id }) => state === "posted" && !ids.has(response_id ?? ""));
  add(tally.exact, counted);
  tally.exact.difference += billed - counted;
  if (billed === counted && strange === undefined) return;
  tally.exact.wrong += 1;
  find(tally, `${call.call_id}: posted ${counted} nano, billed ${billed} nano, response ${strange?.response_id ?? "as billed"}`);
}

/** Output tokens that the ledger counts an attempt at. */
function outputCounted(attempt: AttemptAccount): number {
  if (attempt.state === "posted") return attempt.output;
  return attempt.state === "presumed" ? attempt.held_output : 0;
}

/**
 * Why a bill can exceed what is counted without anybody being able to know: output in flight when the gateway hung up
 * (U3), at most a slice of it, or, where no usage told it, input beyond its estimate (U2), and then by no more than that
 * input's part of the bill. An Anthropic stream tells its input first, so whoever hangs up on one knows it.
 */
function causeBeyond(attempts: readonly AttemptAccount[], lines: readonly BillLine[], short: bigint): OverrunCause | null {
  const hungUp = attempts.some(({ outcome }) => outcome === "cut" || outcome === "aborted");
  const counted = attempts.reduce((all, attempt) => all + outputCounted(attempt), 0);
  if (hungUp && short <= inFlightNano(lines, counted)) return "U3";
  const held = Math.max(...attempts.map((attempt) => attempt.held_input));
  const beyond = lines.find((line) => line.input > held);
  if (beyond === undefined || (hungUp && beyond.stream && beyond.dialect === "anthropic-messages")) return null;
  return short * BigInt(beyond.input) <= beyond.nano * BigInt(beyond.input - held) ? "U2" : null;
}

function compareUnsure(
  tally: Tally,
  call: CallAccount,
  of: { counted: bigint; lines: readonly BillLine[]; billed: bigint },
): void {
  const { counted, lines, billed } = of;
  const attempts = [...call.attempts.values()];
  add(tally.unsure, counted);
  tally.unsure.billed += billed;
  const short = billed - counted;
  if (short <= 0n) {
    tally.unsure.covered += 1;
    return;
  }
  const cause = causeBeyond(attempts, lines, short);
  if (cause !== null) addTo(tally.beyond, cause, short);
  else add(tally.unexplained, short);
  const last = attempts.at(-1);
  const line = lines.at(-1);
  find(
    tally,
    `${call.call_id}: ${short} nano billed beyond what is counted (${cause ?? "unexplained"}); ${last?.state} ${last?.evidence ?? ""} ` +
      `${last?.outcome ?? ""}: input ${line?.input} of ${last?.held_input} held, output ${line?.output} of ${last?.held_output}, ${last?.output} posted`,
  );
}

/**
 * Did the provider hand out the usage of all that it billed to a gateway that read on? Then the ledger's own word for its
 * evidence does not matter. A cut is the gateway's: it hangs up before the usage, whatever the provider had sent by then.
 */
function mustKnow(attempts: readonly AttemptAccount[], lines: readonly BillLine[]): boolean {
  const billed = lines.filter(({ nano }) => nano > 0n);
  return billed.length > 0 && billed.every(usageArrived) && attempts.every(({ outcome }) => outcome !== "cut");
}

/** `read`: the client read the answer to its end. */
function countCall(tally: Tally, call: CallAccount, of: { lines: readonly BillLine[]; read: boolean }): void {
  const { lines } = of;
  const attempts = [...call.attempts.values()];
  let billed = 0n;
  for (const line of lines) billed += line.nano;
  let counted = 0n;
  for (const attempt of attempts) counted += countedAt(attempt);
  if (attempts.length > 0) tally.admitted += 1;
  tally.retried += Math.max(0, attempts.length - 1);
  countAttempts(tally, attempts);
  refuse(tally, call);
  const agent = tally.agents.get(call.agent) ?? { calls: 0, refused: 0, spent: 0n };
  agent.calls += 1;
  agent.spent += counted;
  if (call.refusal !== null) agent.refused += 1;
  tally.agents.set(call.agent, agent);
  if (attempts.every(isSure) || (of.read && mustKnow(attempts, lines))) compareSure(tally, call, { counted, lines, billed });
  else compareUnsure(tally, call, { counted, lines, billed });
}

function countSeen(tally: Tally, seen: Seen, call: CallAccount | undefined): void {
  tally.calls += 1;
  if (seen.left) tally.left += 1;
  if (seen.status === null) tally.unanswered += 1;
  else if (seen.status !== 200 && (call === undefined || call.refusal === null))
    tally.failed.set(seen.status, (tally.failed.get(seen.status) ?? 0) + 1);
}

/** Counts a page of calls: what clients saw, what the log says of them, what the provider billed. */
export function countPage(
  tally: Tally,
  page: { seen: readonly Seen[]; calls: ReadonlyMap<string, CallAccount>; bill: readonly BillLine[] },
): void {
  const linesByKey = new Map<string, BillLine[]>();
  for (const line of page.bill) {
    const lines = linesByKey.get(line.key ?? "") ?? [];
    lines.push(line);
    linesByKey.set(line.key ?? "", lines);
  }
  for (const seen of page.seen) {
    const call = seen.call_id === null ? undefined : page.calls.get(seen.call_id);
    const lines = linesByKey.get(seen.key) ?? [];
    for (const line of lines) add(tally.bill, line.nano);
    countSeen(tally, seen, call);
    if (call !== undefined) {
      linesByKey.delete(seen.key);
      countCall(tally, call, { lines, read: seen.status !== null && !seen.left });
    }
  }
  for (const [key, lines] of linesByKey) {
    for (const line of lines) {
      if (line.nano === 0n) continue;
      add(tally.unexplained, line.nano);
      find(tally, `The bill has ${line.nano} nano for ${line.id} (key ${key}), and the log has no call of it.`);
    }
  }
}
