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
  model: "gpt-4o",
  dialect: "openai-chat",
  stream: true,
  faults: [],
  input: 90,
  output: 20,
  nano: 700n,
  ...over,
});

/** One call with these entries and these lines of the bill. */
function tallyOf(entries: readonly Draft[], bill: readonly BillLine[], saw: { status?: number; left?: boolean } = {}): Tally {
  const calls = new Map<string, CallAccount>();
  for (const entry of entries) foldEntry(calls, { call_id: "c", attempt_id: "c.1", seq: 1, at: 0, ...entry } as unknown as Entry);
  const tally = emptyTally();
  countPage(tally, { seen: [{ key: "k1", call_id: "c", status: 200, left: false, ...saw }], calls, bill });
  return tally;
}

function failed(tally: Tally): readonly string[] {
  const verified = { ok: true, entries: 1, violations: 0 };
  return checksOf({ tally, verified }).flatMap((check) => (check.ok ? [] : [check.name]));
}

const FAILED = line({ id: "r0", status: 500, ended: "refused", input: 0, output: 0, nano: 0n });
const RESET = line({ ended: "reset", nano: 1001n });
const UNTOLD = line({ faults: ["no-usage"], input: 101 });
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
  ["an estimate where usage arrived", [held, posted({ evidence: "estimated", nano: "701" })], [line()], EXACT],
  [
    "an estimate where usage arrived at a second try",
    [held, posted({ evidence: "estimated", nano: "701" })],
    [FAILED, line()],
    EXACT,
  ],
  ["an abort that nobody asked for", [held, posted({ evidence: "metered", outcome: "aborted", nano: "699" })], [line()], EXACT],
  ["a hold kept where usage arrived", [held, { type: "call.presumed", reason: "reset" }], [line()], EXACT],
  ["metered below the bill", [held, posted({ evidence: "metered", nano: "699" })], [line({ faults: ["no-usage"] })], COVERED],
  ["held below the bill", [held, { type: "call.presumed", reason: "reset" }], [RESET], COVERED],
  ["more than unknown input explains", [held, posted({ evidence: "estimated", nano: "600" })], [UNTOLD], COVERED],
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

test("input that no reply told is named and no failure", () => {
  const told = tallyOf([held, posted({ evidence: "estimated", nano: "600" })], [line({ ...UNTOLD, input: 120, nano: 720n })]);
  expect(failed(told)).toEqual([]);
  expect(told.beyond.get("U2")).toEqual({ calls: 1, nano: 120n });
});

// gpt-4o: an output token costs 10,000 nano-dollars, one of input 2,500.
const SLICE_NANO = 10_240_000n;
const CUT = posted({ evidence: "presumed", outcome: "cut", nano: "1000000", usage: { input_fresh: 90, output_text: 50 } });
const ABORTED = { ...CUT, outcome: "aborted" };

test.each([
  ["a cut", CUT, {}],
  ["a client that left", ABORTED, { left: true }],
])("what is in flight at %s is named and no failure, one slice of output at most", (_, entry, saw) => {
  const bill = (over: Partial<BillLine>) => [line({ ended: "left", ...over })];
  const one = tallyOf([held, entry], bill({ output: 51, nano: 1_010_000n }), saw);
  expect(failed(one)).toEqual([]);
  expect(one.beyond.get("U3")).toEqual({ calls: 1, nano: 10_000n });
  expect(failed(tallyOf([held, entry], bill({ output: 50 + 1024, nano: 1_000_000n + SLICE_NANO }), saw))).toEqual([]);
  const more = tallyOf([held, entry], bill({ output: 50 + 1025, nano: 1_010_000n + SLICE_NANO }), saw);
  expect(failed(more)).toEqual([COVERED]);
  expect(more.unexplained).toEqual({ calls: 1, nano: SLICE_NANO + 10_000n });
});

test("input is never in flight: where output is counted in full, or its model has no price, a shortfall is found", () => {
  const short = { ended: "left", nano: 1_002_500n } as const;
  expect(failed(tallyOf([held, CUT], [line({ ...short, input: 91, output: 50 })]))).toEqual([COVERED]);
  expect(failed(tallyOf([held, CUT], [line({ ...short, input: 95, output: 20 })]))).toEqual([COVERED]);
  expect(failed(tallyOf([held, CUT], [line({ ...short, output: 51, model: "unheard-of" })]))).toEqual([COVERED]);
  // An Anthropic stream told its input before the gateway hung up; OpenAI's had not.
  const untold = line({ ...short, input: 120, output: 50 });
  expect(failed(tallyOf([held, CUT], [{ ...untold, dialect: "anthropic-messages" }]))).toEqual([COVERED]);
  expect(tallyOf([held, CUT], [untold]).beyond.get("U2")).toEqual({ calls: 1, nano: 2_500n });
});

test("a cut is no usage that arrived, although the provider had sent everything by then", () => {
  const tally = tallyOf([held, CUT], [line({ nano: 900_000n })]);
  expect(failed(tally)).toEqual([]);
  expect(tally.unsure).toMatchObject({ calls: 1, covered: 1 });
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
  expect(failed(tallyOf([refused("3")], [], { status: 402 }))).toEqual(["no refusal was false"]);
  const right = tallyOf([refused("4")], [], { status: 402 });
  expect(failed(right)).toEqual([]);
  expect(right.refused.get("org")).toEqual({ final: 1, waiting: 0 });
});
