// Cases G8 and G10 of the adversarial list, through the rules and a store: clocks that jump, back and ahead, and rules of time zones that change. G1
// to G5 and G11 stand beside the windows themselves.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openMemo } from "../../src/accounting/budget/accounts.js";
import { apply } from "../../src/accounting/ledger/apply.js";
import type { LedgerCommand } from "../../src/accounting/ledger/command.js";
import { decide } from "../../src/accounting/ledger/decide.js";
import { emptyState } from "../../src/accounting/ledger/empty-state.js";
import { openWindows, type WindowReader } from "../../src/accounting/units/window.js";
import type { Clock } from "../../src/call/needs.js";
import { openReplies } from "../../src/call/replies.js";
import { openJournal } from "../../src/stores/journal.js";
import type { LogLine } from "../../src/stores/log-writer.js";
import { openMemory } from "../../src/stores/memory/open-memory.js";
import { openSqlite } from "../../src/stores/sqlite/open-sqlite.js";
import { openSteadyTime } from "../../src/surfaces/steady-time.js";
import { budget, ceiling, hold, post, standingClock } from "../ledger-fixtures.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOON = Date.UTC(2026, 10, 24, 12);
const ONE = ceiling(100, 0);

/** The rules with a clock in hand. `read` may be another one after a restart. */
function openRules(unit: "hour" | "day") {
  const state = emptyState();
  let memo = openMemo(openWindows());
  let count = 0;
  const take = (command: LedgerCommand, now: number): boolean => {
    const { entries, refusal } = decide(state, command, { now, memo });
    for (const entry of entries) apply(state, entry);
    return refusal === undefined;
  };
  const limit = 3n * ONE.nano;
  const declared = budget({ name: "b", limit, window: { kind: "calendar", unit } });
  take({ type: "declare", budgets: [declared], actor: "t", reason: "t" }, NOON);
  return {
    state,
    /** One call that costs a third of the limit; false when it is refused. */
    spend(now: number): boolean {
      const id = `c${count++}`;
      if (!take(hold(id, ONE), now)) return false;
      expect(take(post(id, { input: 100, output: 0 }), now)).toBe(true);
      return true;
    },
    restartWith(read: WindowReader): void {
      memo = openMemo(read);
    },
    windows: () => [...state.accounts.values()].map(({ window_start, used }) => [window_start, used]),
  };
}

test.each([1, 2, 40 * 24])(
  "G8: a clock that goes back %d hours inside a window opens no second one and resets nothing",
  (hours) => {
    const rules = openRules("hour");
    const at = NOON + 10 * 60_000;
    expect([rules.spend(at), rules.spend(at), rules.spend(at)]).toEqual([true, true, true]);
    expect(rules.spend(at - hours * HOUR_MS)).toBe(false);
    expect(rules.windows()).toEqual([[NOON, 3n * ONE.nano]]);
    // Back again, in the same hour: still used up. The next hour is new, once.
    expect(rules.spend(NOON + 59 * 60_000)).toBe(false);
    expect(rules.spend(NOON + HOUR_MS)).toBe(true);
    expect(rules.spend(at)).toBe(true);
    expect(rules.windows()).toEqual([
      [NOON, 3n * ONE.nano],
      [NOON + HOUR_MS, 2n * ONE.nano],
    ]);
  },
);

test("G8: a clock that swings over a boundary again and again gives each window's money once", () => {
  const rules = openRules("hour");
  let admitted = 0;
  for (let swing = 0; swing < 50; swing++) if (rules.spend(NOON + (swing % 2 === 0 ? 60_000 : HOUR_MS + 60_000))) admitted += 1;
  // One before the first swing, three in the window after it; never a second time the old window's rest.
  expect(admitted).toBe(4);
  const starts = rules.windows().map(([start]) => start);
  expect(starts).toEqual([NOON, NOON + HOUR_MS]);
});

/** A machine whose wall clock anybody may set, and the clock that Bursar makes of it. */
function settableMachine(at: number) {
  const warnings: string[] = [];
  const clocks = { wall: at, monotonic: 5_000, uptime: 90_000 };
  const machine = { wall: () => clocks.wall, monotonic: () => clocks.monotonic, uptime: () => clocks.uptime };
  const now = openSteadyTime(machine, (line) => warnings.push(line));
  const clock: Clock = { now, monotonic: machine.monotonic, sleep: () => Promise.resolve() };
  const pass = (ms: number): void => {
    clocks.wall += ms;
    clocks.monotonic += ms;
    clocks.uptime += ms;
    now();
  };
  return {
    clock,
    warnings,
    pass,
    set(ms: number): void {
      clocks.wall += ms;
    },
    suspend(ms: number): void {
      clocks.wall += ms;
      clocks.uptime += ms;
    },
  };
}

/** A ledger over a budget for three calls a window, on a machine's clock. */
async function openLedgerOn(clock: Clock, unit: "minute" | "day") {
  const ledger = await openMemory({ clock });
  const declared = budget({ name: "b", limit: 3n * ONE.nano, window: { kind: "calendar", unit } });
  await ledger.apply([{ type: "declare", budgets: [declared], actor: "t", reason: "t" }]);
  let count = 0;
  return {
    ledger,
    async spend(): Promise<boolean> {
      const id = `c${count++}`;
      const [held] = await ledger.apply([hold(id, ONE)]);
      if (held?.ok === true) await ledger.apply([post(id, { input: 100, output: 0 })]);
      return held?.ok === true;
    },
    windows: () => [...ledger.state().accounts.values()].map(({ window_start }) => window_start),
  };
}

test.each([2, 25, 40 * 24])(
  "G8: a clock that is set %d hours ahead opens no new window, until it has kept step for an hour",
  async (hours) => {
    const { clock, pass, set, warnings } = settableMachine(NOON);
    const { ledger, spend, windows } = await openLedgerOn(clock, "minute");
    expect([await spend(), await spend(), await spend(), await spend()]).toEqual([true, true, true, false]);
    set(hours * HOUR_MS);
    expect(await spend()).toBe(false);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^The wall clock jumped \d+ minutes ahead.*restart Bursar/);
    // Windows go on at the pace of time that passes.
    pass(60_000);
    expect([await spend(), await spend(), await spend(), await spend()]).toEqual([true, true, true, false]);
    expect(windows()).toEqual([NOON, NOON + 60_000]);
    for (let minute = 1; minute < 59; minute++) pass(60_000);
    expect(await spend()).toBe(true);
    expect(windows()).toEqual([NOON, NOON + 60_000, NOON + 59 * 60_000]);
    pass(2 * 60_000);
    expect(await spend()).toBe(true);
    expect(windows().at(-1)).toBe(NOON + hours * HOUR_MS + 61 * 60_000);
    expect(warnings).toHaveLength(1);
    await ledger.close();
  },
);

test("G8: a clock that is set ahead and back again and again opens the windows of time that passed, and no others", async () => {
  const { clock, pass, set } = settableMachine(NOON);
  const { ledger, spend, windows } = await openLedgerOn(clock, "day");
  let admitted = 0;
  for (let swing = 0; swing < 200; swing++) {
    set((swing % 2 === 0 ? 1 : -1) * 40 * DAY_MS);
    pass(15 * 60_000);
    if (await spend()) admitted += 1;
  }
  // Two hundred quarters of an hour from noon: three days are touched.
  const midnight = Math.floor(NOON / DAY_MS) * DAY_MS;
  expect(windows()).toEqual([midnight, midnight + DAY_MS, midnight + 2 * DAY_MS]);
  expect(admitted).toBe(9);
  await ledger.close();
});

test("G8: a machine that slept over midnight is in its new day at once, and says nothing", async () => {
  const { clock, suspend, warnings } = settableMachine(NOON);
  const { ledger, spend, windows } = await openLedgerOn(clock, "day");
  expect([await spend(), await spend(), await spend(), await spend()]).toEqual([true, true, true, false]);
  suspend(14 * HOUR_MS);
  expect(await spend()).toBe(true);
  const midnight = Math.floor(NOON / DAY_MS) * DAY_MS;
  expect(windows()).toEqual([midnight, midnight + DAY_MS]);
  expect(warnings).toEqual([]);
  await ledger.close();
});

test("G8: a clock that is set ahead by days frees no Idempotency-Key, and after a day that passed it is free", async () => {
  const { clock, pass, set } = settableMachine(NOON);
  const { ledger } = await openLedgerOn(clock, "day");
  const replies = openReplies({ ledger, clock });
  const mark = { key: "k", body: "b" };
  const turn = replies.begin({ ...mark, call_id: "paid" });
  await ledger.apply([hold("paid", ONE, { idempotency: mark })]);
  await ledger.apply([post("paid", { input: 100, output: 0 })]);
  if (turn.kind === "mine") turn.end(null);
  set(40 * DAY_MS);
  for (let minute = 0; minute < 59; minute++) pass(60_000);
  expect(() => replies.begin({ ...mark, call_id: "again" })).toThrow(expect.objectContaining({ code: "reply_expired" }));
  set(-40 * DAY_MS);
  pass(23 * HOUR_MS + 60_000);
  expect(replies.begin({ ...mark, call_id: "next day" }).kind).toBe("mine");
  replies.close();
  await ledger.close();
});

test("G8: a clock that was set back for a while lets no restart forget a key of the day", async () => {
  const { clock, pass, set } = settableMachine(NOON);
  const lines: LogLine[] = [];
  const mark = { key: "k", body: "b" };
  const first = await openMemory({ clock, lines });
  await first.apply([hold("paid", ONE, { idempotency: mark }), post("paid", { input: 100, output: 0 })]);
  set(-40 * DAY_MS);
  for (let index = 0; index < 100; index++) {
    pass(1_000);
    await first.apply([hold(`then${index}`, ONE)]);
  }
  set(40 * DAY_MS);
  await first.close();
  const ledger = await openMemory({ clock, lines });
  const replies = openReplies({ ledger, clock });
  await replies.load();
  expect(() => replies.begin({ ...mark, call_id: "again" })).toThrow(expect.objectContaining({ code: "reply_expired" }));
  replies.close();
  await ledger.close();
});

/** A time zone whose offset a new tzdata moves by `ms`: every boundary is so much later (or earlier). */
const moved =
  (ms: number): WindowReader =>
  ({ at }) => {
    const start = Math.floor((at - ms) / DAY_MS) * DAY_MS + ms;
    return { start, end: start + DAY_MS };
  };

test.each([
  ["an hour later", HOUR_MS],
  ["an hour earlier", -HOUR_MS],
  ["half an hour later", HOUR_MS / 2],
])("G10: rules that put boundaries %s leave the open window as it was, and reset nothing in it", (_what, ms) => {
  const rules = openRules("day");
  expect([rules.spend(NOON), rules.spend(NOON), rules.spend(NOON)]).toEqual([true, true, true]);
  const midnight = Math.floor(NOON / DAY_MS) * DAY_MS;
  rules.restartWith(moved(ms));
  for (const minutes of [1, 60, 600, 719]) expect([minutes, rules.spend(NOON + minutes * 60_000)]).toEqual([minutes, false]);
  expect([...rules.state.accounts.values()].map(({ window_start, window_end }) => [window_start, window_end])).toEqual([
    [midnight, midnight + DAY_MS],
  ]);
  // Its successor begins where it ended or later, and by the new rules from then on.
  expect(rules.spend(midnight + 2 * DAY_MS)).toBe(true);
  expect([...rules.state.accounts.values()].every(({ window_start }) => (window_start ?? 0) >= midnight)).toBe(true);
});

test("G10: the end of the open window is still known after a start from the checkpoint", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bursar-g10-"));
  const clock = standingClock(NOON);
  const declared = budget({ name: "b", limit: 10n ** 9n, window: { kind: "calendar", unit: "day" } });
  const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
  await ledger.apply([{ type: "declare", budgets: [declared], actor: "t", reason: "t" }, hold("x", ONE)]);
  await ledger.close();
  const again = await openSqlite({ directory, clock });
  const midnight = Math.floor(NOON / DAY_MS) * DAY_MS;
  expect(again.loaded.budgets.get("b")).toMatchObject({ latest_start: midnight, latest_end: midnight + DAY_MS });
  await again.close();
  rmSync(directory, { recursive: true, force: true });
});
