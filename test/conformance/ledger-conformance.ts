import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Entry } from "../../src/accounting/ledger/entry.js";
import { openVerifier } from "../../src/accounting/ledger/verify.js";
import type { Clock, Ledger } from "../../src/call/needs.js";
import { budget, caller, ceiling, hold, post, refusalCode, standingClock, threeLevels } from "../ledger-fixtures.js";

/** A store under test: opened, and opened again over the same log after the process is gone. */
export interface StoreUnderTest {
  readonly ledger: Ledger & { close(): Promise<void> };
  /** Leaves without closing (a crash) and opens the same log again. */
  reopen(): Promise<StoreUnderTest>;
}

export type OpenStore = (clock: Clock) => Promise<StoreUnderTest>;

async function entriesOf(ledger: Ledger, from = 1): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of ledger.read(from)) entries.push(entry);
  return entries;
}

function declare(budgets: Parameters<typeof budget>[0][]) {
  return { type: "declare" as const, budgets: budgets.map(budget), actor: "test", reason: "test" };
}

/** The promises of `Ledger` (call/needs.ts), asked of any store. */
export function ledgerConformance(name: string, open: OpenStore): void {
  moneyConformance(name, open);
  settlingConformance(name, open);
  logConformance(name, open);
}

function moneyConformance(name: string, open: OpenStore): void {
  test(`${name}: a hold that fits exactly is admitted and one nano-dollar more is refused`, async () => {
    const { ledger } = await open(standingClock());
    await ledger.apply([declare([{ name: "b", limit: 1_000_000n }])]);
    const [over] = await ledger.apply([hold("x", { ...ceiling(0, 0), nano: 1_000_001n })]);
    expect(refusalCode(over)).toBe("budget_exceeded");
    const [exact] = await ledger.apply([hold("y", { ...ceiling(0, 0), nano: 1_000_000n })]);
    expect(exact?.ok).toBe(true);
    await ledger.close();
  });

  for (const unit of ["requests", "tokens", "usd"] as const) {
    test(`${name}: of 1,000 calls at once exactly the 100 that fit are admitted, counted in ${unit}`, async () => {
      const { ledger } = await open(standingClock());
      const per = unit === "requests" ? 1n : unit === "tokens" ? 30n : 40_000n;
      const limits = { org: per * 100n, team: per * 150n, agent: per * 200n };
      await ledger.apply([{ type: "declare", budgets: threeLevels(unit, limits), actor: "test", reason: "test" }]);
      const results = await Promise.all(Array.from({ length: 1000 }, (_, n) => ledger.apply([hold(`c${n}`, ceiling(20, 10))])));
      expect(results.filter(([result]) => result?.ok === true)).toHaveLength(100);
      const accounts = [...ledger.state().accounts.values()];
      expect(accounts.map((account) => account.held)).toEqual([per * 100n, per * 100n, per * 100n]);
      await ledger.close();
    });
  }

  test(`${name}: a refusal leaves nothing behind on accounts that had room`, async () => {
    const { ledger } = await open(standingClock());
    await ledger.apply([
      {
        type: "declare",
        budgets: threeLevels("usd", { org: 39_999n, team: 10n ** 9n, agent: 10n ** 9n }),
        actor: "t",
        reason: "t",
      },
    ]);
    const [result] = await ledger.apply([hold("x", ceiling(20, 10))]);
    expect(result?.ok === false && result.refusal.account?.budget).toBe("org");
    expect([...ledger.state().accounts.values()].every((account) => account.held === 0n)).toBe(true);
    await ledger.close();
  });
}

function settlingConformance(name: string, open: OpenStore): void {
  test(`${name}: a post releases the hold, counts once, and is told apart when it comes again`, async () => {
    const { ledger } = await open(standingClock());
    await ledger.apply([declare([{ name: "b", limit: 10n ** 9n }])]);
    await ledger.apply([hold("x", ceiling(100, 100)), hold("y", ceiling(1, 1))]);
    const answers = await ledger.apply([
      post("x", { input: 90, output: 10 }),
      post("x", { input: 90, output: 10 }),
      post("x", { input: 90, output: 11 }),
      { type: "void", attempt_id: "y.1", proof: "not_sent" },
      post("y", { input: 1, output: 1 }),
      post("nobody", { input: 1, output: 1 }),
    ]);
    expect(answers.map((answer) => (answer.ok ? answer.changed : answer.refusal.code))).toEqual([
      true,
      false,
      "conflict",
      true,
      "conflict",
      "not_found",
    ]);
    const [account] = ledger.state().accounts.values();
    expect([account?.used, account?.held]).toEqual([110_000n, 0n]);
    await ledger.close();
  });

  test(`${name}: what was pending at a crash is presumed, counted in full, and resolved once by hand`, async () => {
    const first = await open(standingClock());
    await first.ledger.apply([
      declare([{ name: "b", limit: 1_000_000n }]),
      hold("x", ceiling(100, 100)),
      hold("z", ceiling(10, 10)),
    ]);
    await first.ledger.apply([post("z", { input: 10, output: 10 })]);
    const { ledger } = await first.reopen();
    const left = ledger.state().holds.get("x.1");
    expect([left?.state, left?.presumed_reason]).toEqual(["presumed", "crash"]);
    const [account] = ledger.state().accounts.values();
    expect([account?.used, account?.held, account?.presumed]).toEqual([30_000n, 300_000n, 300_000n]);
    const [refused, done, again] = await ledger.apply([
      { type: "void", attempt_id: "x.1", proof: "none" },
      {
        type: "post",
        attempt_id: "x.1",
        usage: { counts: {}, evidence: "presumed" },
        nano: 5n,
        outcome: "resolved",
        actor: "ann",
        reason: "bill",
      },
      { type: "void", attempt_id: "x.1", proof: "resolved", actor: "ann" },
    ]);
    expect([refusalCode(refused), done?.ok, refusalCode(again)]).toEqual(["conflict", true, "conflict"]);
    expect([...ledger.state().accounts.values()][0]?.held).toBe(0n);
    await ledger.close();
  });

  test(`${name}: cost beyond the hold is posted and named, and closes the budget`, async () => {
    const { ledger } = await open(standingClock());
    await ledger.apply([declare([{ name: "b", limit: 300_000n }]), hold("x", ceiling(100, 100))]);
    await ledger.apply([post("x", { input: 100, output: 150 })]);
    const overrun = (await entriesOf(ledger)).find((entry) => entry.type === "call.overrun");
    expect(overrun).toMatchObject({ cause: "U1", nano: "100000", postings: [{ amount: "100000" }] });
    const [next] = await ledger.apply([hold("y", { ...ceiling(0, 0), nano: 1n })]);
    expect(refusalCode(next)).toBe("budget_exceeded");
    await ledger.close();
  });
}

function logConformance(name: string, open: OpenStore): void {
  test(`${name}: the log folds to the state that is served, also after a restart, and verifies`, async () => {
    const clock = standingClock();
    const first = await open(clock);
    await first.ledger.apply([
      declare([{ name: "day", limit: 10n ** 9n, per: ["agent"], window: { kind: "calendar", unit: "day" } }]),
    ]);
    for (let n = 0; n < 50; n++) {
      await first.ledger.apply([hold(`c${n}`, ceiling(n, n), { attribution: caller({ agent: `a${n % 3}` }) })]);
      if (n % 2 === 0) await first.ledger.apply([post(`c${n}`, { input: n, output: n })]);
      clock.move(3_600_000);
    }
    const { ledger } = await first.reopen();
    const verifier = openVerifier({ sha256: (text) => createHash("sha256").update(text).digest("hex") });
    for (const entry of await entriesOf(ledger)) verifier.check({ seq: entry.seq, json: JSON.stringify(entry), hash: null });
    const verified = verifier.finish();
    expect(verified.violations).toEqual([]);
    const served = ledger.state();
    expect([...verified.state.accounts.values()]).toEqual([...served.accounts.values()]);
    expect(verified.state.holds).toEqual(served.holds);
    expect(verified.state.agents).toEqual(served.agents);
    expect(verified.state.chains).toEqual(served.chains);
    expect(verified.state.groups).toEqual(served.groups);
    expect(verified.state.calibrations).toEqual(served.calibrations);
    await ledger.close();
  });

  test(`${name}: listeners hear every durable entry once, in order, and a call's entries are found by its id`, async () => {
    const { ledger } = await open(standingClock());
    const heard: number[] = [];
    const stop = ledger.subscribe((entries) => heard.push(...entries.map((entry) => entry.seq)));
    await ledger.apply([declare([{ name: "b", limit: 10n ** 9n }])]);
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => ledger.apply([hold(`c${n}`, ceiling(1, 1)), post(`c${n}`, { input: 1, output: 1 })])),
    );
    expect(heard).toEqual(Array.from({ length: 41 }, (_, n) => n + 1));
    expect((await ledger.readCall("c7")).map((entry) => entry.type)).toEqual(["call.held", "call.posted"]);
    stop();
    await ledger.apply([hold("later", ceiling(1, 1))]);
    expect(heard).toHaveLength(41);
    await ledger.close();
  });

  test(`${name}: a removed budget keeps what was used, and coming back under its name refunds nothing`, async () => {
    const { ledger } = await open(standingClock());
    await ledger.apply([declare([{ name: "b", limit: 100_000n }]), hold("x", ceiling(50, 20))]);
    await ledger.apply([declare([])]);
    const [free] = await ledger.apply([hold("y", ceiling(50, 20))]);
    await ledger.apply([post("x", { input: 50, output: 20 }), declare([{ name: "b", limit: 100_000n }])]);
    const [again] = await ledger.apply([hold("z", ceiling(50, 20))]);
    expect([free?.ok, refusalCode(again)]).toEqual([true, "budget_exceeded"]);
    await ledger.close();
  });
}
