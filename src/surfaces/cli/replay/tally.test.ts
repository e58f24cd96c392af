// The checks of a replay are only worth something if they fail: each kind of wrong book is shown to them.
import { expect, test } from "vitest";
import type { Entry } from "../../../accounting/ledger/entry.js";
import type { BillLine } from "./books.js";
import { type CallAccount, foldEntry } from "./call-account.js";
import { checksOf } from "./report.js";
import { countPage, emptyTally, type Tally } from "./tally.js";

type Draft = { readonly type: Entry["type"] } & Readonly<Record<string, unknown>>;

const ceiling = { nano: "1000", input_tokens: 100, output_tokens: 50 };
const held: Draft = { type: "call.held", attribution: { agent: "a", key: "k", model: "m" }, ceiling };
const posted = (over: object = {}): Draft => ({
  type: "call.posted",
  nano: "700",
  evidence: "provider",
  outcome: "end",
  usage: { input_fresh: 90, output_text: 20 },
  response_id: "r1",
  ...over,
});
const line = (over: Partial<BillLine> = {}): BillLine => ({
  id: "r1",
  key: "k1",
  status: 200,
  ended: "end",
  input: 90,
  output: 20,
  nano: 700n,
  ...over,
});

/** One call with these entries and these lines of the bill. */
function tallyOf(entries: readonly Draft[], bill: readonly BillLine[], status = 200): Tally {
  const calls = new Map<string, CallAccount>();
  for (const entry of entries) foldEntry(calls, { call_id: "c", attempt_id: "c.1", seq: 1, at: 0, ...entry } as unknown as Entry);
  const tally = emptyTally();
  countPage(tally, { seen: [{ key: "k1", call_id: "c", status, left: false }], calls, bill });
  return tally;
}

function failed(tally: Tally): readonly string[] {
  const verified = { ok: true, entries: 1, violations: 0 };
  return checksOf({ tally, verified }).flatMap((check) => (check.ok ? [] : [check.name]));
}

const EXACT = "bill − posted = 0 where usage arrived";
const COVERED = "posted ≥ bill, or a named overrun, where it did not";

test("a call that is posted at its bill passes every check", () => {
  expect(failed(tallyOf([held, posted()], [line()]))).toEqual([]);
});

test.each([
  ["one nano-dollar too little", [held, posted({ nano: "699" })], [line()], EXACT],
  ["one nano-dollar too much", [held, posted({ nano: "701" })], [line()], EXACT],
  ["another response's id", [held, posted({ response_id: "r2" })], [line()], EXACT],
  ["a voided call that was billed", [held, { type: "call.voided", proof: "not_sent" }], [line()], EXACT],
  ["metered below the bill", [held, posted({ evidence: "metered", nano: "699" })], [line()], COVERED],
  ["held below the bill", [held, { type: "call.presumed", reason: "reset" }], [line({ nano: 1001n })], COVERED],
  ["more than unknown input explains", [held, posted({ evidence: "estimated", nano: "600" })], [line({ input: 101 })], COVERED],
  ["a hold without an end", [held], [], "nothing is pending"],
] as const)("%s is found", (_, entries, bill, name) => {
  const tally = tallyOf(entries, bill);
  expect(failed(tally)).toContain(name);
  if (name !== "nothing is pending") expect(tally.findings).toHaveLength(1);
});

test("errors that cancel each other out are found call by call", () => {
  const tally = tallyOf([held, posted({ nano: "699" })], [line()]);
  const calls = new Map<string, CallAccount>();
  for (const entry of [held, posted({ nano: "701" })])
    foldEntry(calls, { call_id: "d", attempt_id: "d.1", seq: 1, at: 0, ...entry } as unknown as Entry);
  countPage(tally, { seen: [{ key: "k2", call_id: "d", status: 200, left: false }], calls, bill: [line({ key: "k2" })] });
  expect(tally.exact.difference).toBe(0n);
  expect(failed(tally)).toEqual([EXACT]);
});

test("a bill for a call that the log does not know is found", () => {
  expect(failed(tallyOf([held, posted()], [line(), line({ key: "other", id: "r9" })]))).toEqual([COVERED]);
});

test("what is in flight at a cut, and input that no reply told, are named and no failure", () => {
  const cut = tallyOf([held, posted({ evidence: "presumed", outcome: "cut", nano: "1000" })], [line({ nano: 1100n })]);
  expect(failed(cut)).toEqual([]);
  expect(cut.beyond.get("U3")).toEqual({ calls: 1, nano: 100n });
  const input = tallyOf([held, posted({ evidence: "estimated", nano: "600" })], [line({ input: 120, nano: 720n })]);
  expect(failed(input)).toEqual([]);
  expect(input.beyond.get("U2")).toEqual({ calls: 1, nano: 120n });
});

test("a refusal although there is room is found, one at the edge is not", () => {
  const refused = (requested: string): Draft => ({
    type: "call.refused",
    attribution: { agent: "a", key: "k", model: "m" },
    code: "budget_exceeded",
    message: "no",
    budget: "org",
    limit: "10",
    used: "4",
    held: "3",
    requested,
  });
  expect(failed(tallyOf([refused("3")], [], 402))).toEqual(["no refusal was false"]);
  const right = tallyOf([refused("4")], [], 402);
  expect(failed(right)).toEqual([]);
  expect(right.refused.get("org")).toEqual({ final: 1, waiting: 0 });
});
