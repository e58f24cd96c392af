import { expect, test } from "vitest";
import { commandNamed, openTestDesk } from "../../test/desk-fixtures.js";
import { budget, caller, ceiling, hold, post } from "../../test/ledger-fixtures.js";

interface Account {
  name: string;
  group: string[];
  limit: string | null;
  used: string;
  held: string;
  left: string | null;
  percent: number | null;
  resets_at: string | null;
}
interface Status {
  as_of_seq: number;
  agents: Record<
    string,
    { tokens: { total: number; input_fresh?: number }; cost_usd: string; calls: number; refused: number; budgets: Account[] }
  >;
  global: {
    total_tokens: number;
    total_cost_usd: string;
    held_usd: string;
    simulated_usd: string;
    calls: number;
    refused: number;
    presumed: number;
  };
  windows: Record<string, { accounts: number; whole: Account | null }>;
}

const day = { kind: "calendar", unit: "day" } as const;

test("used, held, left and percent of an agent's budgets are the ledger's, in the budget's unit", async () => {
  const desk = await openTestDesk({
    budgets: [
      budget({ name: "all", limit: 10_000_000_000n, window: day }),
      budget({ name: "agent-day", limit: 10_000n, unit: "tokens", per: ["agent"], window: day }),
    ],
  });
  await desk.ledger.apply([
    hold("one", ceiling(1000, 500)),
    post("one", { input: 900, output: 100 }),
    hold("two", ceiling(2000, 0)),
    hold("three", ceiling(9_000, 0)),
  ]);
  const status = await desk.ask<Status>("status");
  const agent = status.agents.a;
  expect(agent).toMatchObject({ cost_usd: "0.0011", calls: 1, refused: 1, tokens: { total: 1000, input_fresh: 900 } });
  expect(agent?.budgets.map((one) => one.name)).toEqual(["all", "agent-day"]);
  expect(agent?.budgets[1]).toMatchObject({
    name: "agent-day",
    limit: "10000",
    used: "1000",
    held: "2000",
    left: "7000",
    percent: 30,
    resets_at: "2026-11-25T00:00:00.000Z",
  });
  expect(status.global).toMatchObject({ total_tokens: 1000, total_cost_usd: "0.0011", held_usd: "0.002", calls: 1, refused: 1 });
  expect(status.windows.all?.whole).toMatchObject({ limit: "10.00", used: "0.0011", held: "0.002" });
  expect(status.as_of_seq).toBe(desk.ledger.state().seq);
  await desk.close();
});

test("a new day shows new accounts, and what an agent may spend before its first call of the day", async () => {
  const desk = await openTestDesk({
    budgets: [budget({ name: "agent-day", limit: 10_000n, unit: "tokens", per: ["agent"], window: day })],
  });
  await desk.ledger.apply([hold("one", ceiling(1000, 0)), post("one", { input: 1000, output: 0 })]);
  desk.clock.move(86_400_000);
  const status = await desk.ask<Status>("status");
  expect(status.agents.a?.budgets[0]).toMatchObject({ used: "0", left: "10000", percent: 0 });
  await desk.close();
});

test("a rolling window is one account, and an unlimited budget has neither left nor percent", async () => {
  const desk = await openTestDesk({
    budgets: [
      budget({ name: "burst", limit: 10n, unit: "requests", per: ["agent"], window: { kind: "rolling", ms: 3_600_000 } }),
      budget({ name: "count-only", limit: null, per: ["team", "agent"] }),
    ],
  });
  await desk.ledger.apply([hold("one", ceiling(10, 0))]);
  desk.clock.move(30 * 60_000);
  await desk.ledger.apply([hold("two", ceiling(10, 0))]);
  const { agents } = await desk.ask<Status>("status");
  const budgets = new Map(agents.a?.budgets.map((one) => [one.name, one]));
  expect([...budgets.keys()].sort()).toEqual(["burst", "count-only"]);
  expect(budgets.get("burst")).toMatchObject({ held: "2", left: "8", resets_at: null });
  expect(budgets.get("count-only")).toMatchObject({ group: ["t", "a"], limit: null, left: null, percent: null });
  await desk.close();
});

test("a lowered limit never shows less than nothing left", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([hold("one", ceiling(0, 1_000_000))]);
  await desk.ask("budget lower", { name: "day", amount: "9.5", reason: "quiet" });
  const status = await desk.ask<Status>("status");
  expect(status.windows.day?.whole).toMatchObject({ limit: "0.50", held: "2.00", left: "0.00", percent: 400 });
  await desk.close();
});

test("simulated money is told apart and counted", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([hold("one", ceiling(10, 0), { simulated: true }), post("one", { input: 10, output: 0 })]);
  const status = await desk.ask<Status>("status");
  expect(status.global).toMatchObject({ total_cost_usd: "0.00001", simulated_usd: "0.00001" });
  await desk.close();
});

test("agents with hostile names are keys like any other", async () => {
  const desk = await openTestDesk();
  for (const agent of ["__proto__", "constructor", "<img src=x onerror=alert(1)>"]) {
    await desk.ledger.apply([hold(`of ${agent}`, ceiling(1, 0), { attribution: caller({ agent }) })]);
  }
  const text = JSON.stringify(await desk.ask<Status>("status"));
  expect(Object.keys((JSON.parse(text) as Status).agents)).toEqual(expect.arrayContaining(["__proto__", "constructor"]));
  expect(({} as { calls?: number }).calls).toBeUndefined();
  await desk.close();
});

test("an empty ledger says in words that nothing has happened", async () => {
  const desk = await openTestDesk({ budgets: [] });
  const status = commandNamed("status");
  const blocks = status.show(await desk.ask("status"));
  expect(JSON.stringify(blocks)).toContain("No call yet.");
  expect(JSON.stringify(blocks)).toContain("nothing is limited");
  await desk.close();
});
