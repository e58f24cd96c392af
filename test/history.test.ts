// The history checker finds each thing that may not have happened, and nothing in a log where all is well.
import { expect, test } from "vitest";
import type { Entry } from "../src/accounting/ledger/entry.js";
import { openMemory } from "../src/stores/memory/open-memory.js";
import { checkHistory } from "./history.js";
import { budget, caller, ceiling, hold, post, standingClock, threeLevels } from "./ledger-fixtures.js";

/** A log with everything in it: extended, late, over, voided, refused, presumed and settled by hand. */
async function soundLog(): Promise<readonly Entry[]> {
  const ledger = await openMemory({ clock: standingClock() });
  const limits = { org: 10n ** 9n, team: 10n ** 9n, agent: 400_000n };
  await ledger.apply([{ type: "declare", budgets: threeLevels("usd", limits), actor: "t", reason: "t" }]);
  const late = caller({ agent: "late" });
  await ledger.apply([
    hold("posted", ceiling(50, 25)),
    { type: "extend", attempt_id: "posted.1", add: ceiling(0, 25) },
    post("posted", { input: 50, output: 40 }),
    hold("over", ceiling(10, 10)),
    post("over", { input: 10, output: 200 }, { cause: "U1" }),
    hold("refused", ceiling(100, 100)),
    hold("voided", ceiling(1, 1), { attribution: late }),
    { type: "void", attempt_id: "voided.1", proof: "not_sent" },
    hold("late", ceiling(1, 1), { attribution: late }),
    { type: "presume", attempt_id: "late.1", reason: "timeout" },
    post("late", { input: 1, output: 1 }),
    hold("unknown", ceiling(1, 1), { attribution: late }),
    { type: "presume", attempt_id: "unknown.1", reason: "reset" },
    hold("pending", ceiling(1, 1), { attribution: late }),
  ]);
  const entries: Entry[] = [];
  for await (const entry of ledger.read(1)) entries.push(entry);
  await ledger.close();
  return entries;
}

const renumbered = (entries: readonly Entry[]): readonly Entry[] => entries.map((entry, index) => ({ ...entry, seq: index + 1 }));

test("nothing is wrong with a log in which holds grew, were posted late, went over and were left open", async () => {
  const entries = await soundLog();
  const types = new Set(entries.map(({ type }) => type));
  for (const type of ["call.extended", "call.overrun", "call.voided", "call.presumed", "call.refused"] as const) {
    expect([type, types.has(type)]).toEqual([type, true]);
  }
  expect(await checkHistory(entries)).toEqual({
    problems: [],
    pending: ["pending.1"],
    presumed: ["unknown.1"],
    entries: entries.length,
  });
});

const is = (type: Entry["type"], id: string) => (entry: Entry) =>
  entry.type === type && "attempt_id" in entry && entry.attempt_id === id;

type Change = (entries: readonly Entry[]) => readonly Entry[];
const without =
  (of: (entry: Entry) => boolean): Change =>
  (entries) =>
    renumbered(entries.filter((entry) => !of(entry)));
const twice =
  (of: (entry: Entry) => boolean): Change =>
  (entries) =>
    renumbered([...entries, ...entries.filter(of)]);
const changed =
  (of: (entry: Entry) => boolean, over: object): Change =>
  (entries) =>
    entries.map((entry) => (of(entry) ? ({ ...entry, ...over } as Entry) : entry));

test.each<readonly [string, Change, RegExp]>([
  ["an entry that is missing", (entries) => entries.filter(({ seq }) => seq !== 7), /follows entry/],
  ["a post without a hold", without(is("call.held", "posted.1")), /I4|not pending/],
  ["a second post", twice(is("call.posted", "posted.1")), /I4: call.posted of posted.1, which is posted/],
  ["a post after a void", (e) => twice(is("call.voided", "voided.1"))(e), /I4: call.voided of voided.1, which is voided/],
  ["a second hold", twice(is("call.held", "posted.1")), /I16: posted.1 is held twice/],
  ["an extension after the end", twice(is("call.extended", "posted.1")), /extended and not pending/],
  ["an attempt presumed twice", twice(is("call.presumed", "unknown.1")), /I4: unknown.1 is presumed/],
  ["a post beyond its hold that names nothing", without(is("call.overrun", "over.1")), /names no overrun/],
  ["an overrun of another amount", changed(is("call.overrun", "over.1"), { nano: "1" }), /The overrun of over.1 is 1, not/],
  ["a post that is not its usage", changed(is("call.posted", "late.1"), { usage: { input_fresh: 9 }, nano: "5" }), /I5/],
  [
    "a presumed attempt given back by nobody",
    (entries) =>
      renumbered([...entries, { ...(entries.find(is("call.voided", "voided.1")) as Entry), attempt_id: "unknown.1" } as Entry]),
    /voided by nobody/,
  ],
])("found: %s", async (_what, change, problem) => {
  const { problems } = await checkHistory(change(await soundLog()));
  expect(problems.join("\n")).toMatch(problem);
});

test("found: a call that is admitted while its account is over", async () => {
  const entries = await soundLog();
  const held = entries.find(is("call.held", "over.1")) as Extract<Entry, { type: "call.held" }>;
  const again: Entry = { ...held, seq: entries.length + 1, call_id: "more", attempt_id: "more.1" };
  expect((await checkHistory([...entries, again])).problems.join("\n")).toMatch(/I1: more.1 is admitted on .* beyond 400000/);
});

test("found: a served balance that the log does not say", async () => {
  const entries = await soundLog();
  const ledger = await openMemory({ clock: standingClock() });
  await ledger.apply([{ type: "declare", budgets: [budget({ name: "other", limit: 1n })], actor: "t", reason: "t" }]);
  expect((await checkHistory(entries, ledger.state())).problems.join("\n")).toMatch(/I5/);
  await ledger.close();
});
