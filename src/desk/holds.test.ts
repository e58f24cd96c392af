import { expect, test } from "vitest";
import { openTestDesk, type TestDesk } from "../../test/desk-fixtures.js";
import { budget, caller, ceiling, hold } from "../../test/ledger-fixtures.js";

interface Holds {
  holds: {
    attempt_id: string;
    state: string;
    age_seconds: number;
    held_usd: string;
    resolve: string | null;
    accounts: { budget: string; held: string }[];
  }[];
  total: number;
  held_usd: string;
}

async function withLostCalls(): Promise<TestDesk> {
  const desk = await openTestDesk({
    budgets: [budget({ name: "usd", limit: 10_000_000_000n }), budget({ name: "tokens", limit: 1_000_000n, unit: "tokens" })],
  });
  await desk.ledger.apply([
    hold("lost", ceiling(1000, 500)),
    { type: "presume", attempt_id: "lost.1", reason: "timeout" },
    hold("open", ceiling(100, 0), { attribution: caller({ agent: "b" }) }),
  ]);
  return desk;
}

test("every hold is listed with its age, its owner and what it puts on each account", async () => {
  const desk = await withLostCalls();
  desk.clock.move(90_000);
  const all = await desk.ask<Holds>("hold list");
  expect(all).toMatchObject({ total: 2, held_usd: "0.0021" });
  expect(all.holds[0]).toMatchObject({
    attempt_id: "lost.1",
    state: "presumed",
    age_seconds: 90,
    held_usd: "0.002",
    accounts: [
      { budget: "usd", held: "0.002" },
      { budget: "tokens", held: "1500" },
    ],
  });
  expect(all.holds[0]?.resolve).toContain("bursar hold resolve lost.1");
  expect(all.holds[1]?.resolve).toBeNull();
  expect((await desk.ask<Holds>("hold list", { state: "pending" })).holds.map((one) => one.attempt_id)).toEqual(["open.1"]);
  expect((await desk.ask<Holds>("hold list", { agent: "b", budget: "usd" })).total).toBe(1);
  expect((await desk.ask<Holds>("hold list", { budget: "none" })).total).toBe(0);
  await desk.close();
});

test("a presumed hold given back by hand frees exactly what it held, once", async () => {
  const desk = await withLostCalls();
  const done = await desk.ask("hold resolve", { attempt_id: "lost.1", void: true, reason: "not on the bill" });
  expect(done).toMatchObject({ state: "voided", cost_usd: null, changed: true });
  const again = await desk.ask("hold resolve", { attempt_id: "lost.1", void: true, reason: "not on the bill" });
  expect(again).toMatchObject({ changed: false });
  await expect(desk.ask("hold resolve", { attempt_id: "lost.1", post: "0.01", reason: "after all" })).rejects.toMatchObject({
    code: "conflict",
  });
  const usd = [...desk.ledger.state().accounts.values()].find((account) => account.budget === "usd");
  expect(usd).toMatchObject({ held: 100_000n, presumed: 0n, used: 0n });
  const entry = (await desk.ledger.readCall("lost")).at(-1);
  expect(entry).toMatchObject({ type: "call.voided", proof: "resolved", actor: "ada", reason: "not on the bill" });
  await desk.close();
});

test("a presumed hold posted by hand counts the money said, and the tokens it was held for unless told better", async () => {
  const desk = await withLostCalls();
  await desk.ask("hold resolve", { attempt_id: "lost.1", post: "0.0015", reason: "on the bill" });
  const accounts = [...desk.ledger.state().accounts.values()];
  expect(accounts.find((one) => one.budget === "usd")).toMatchObject({ used: 1_500_000n, held: 100_000n });
  expect(accounts.find((one) => one.budget === "tokens")).toMatchObject({ used: 1500n });
  await desk.ledger.apply([hold("next", ceiling(1000, 500)), { type: "presume", attempt_id: "next.1", reason: "reset" }]);
  await desk.ask("hold resolve", {
    attempt_id: "next.1",
    post: "0.0001",
    input_tokens: "90",
    output_tokens: 10,
    reason: "on the bill",
  });
  expect([...desk.ledger.state().accounts.values()].find((one) => one.budget === "tokens")).toMatchObject({ used: 1600n });
  await desk.close();
});

test.each([
  ["a call in flight", { attempt_id: "open.1", void: true, reason: "r" }, "conflict"],
  ["an unknown attempt", { attempt_id: "none.1", void: true, reason: "r" }, "not_found"],
  ["both ways at once", { attempt_id: "lost.1", void: true, post: "1", reason: "r" }, "invalid_request"],
  ["neither way", { attempt_id: "lost.1", reason: "r" }, "invalid_request"],
  ["no reason", { attempt_id: "lost.1", void: true }, "invalid_request"],
  ["a negative cost", { attempt_id: "lost.1", post: "-1", reason: "r" }, "invalid_request"],
])("%s is not resolved by hand", async (_, input, code) => {
  const desk = await withLostCalls();
  const { seq } = desk.ledger.state();
  await expect(desk.ask("hold resolve", input)).rejects.toMatchObject({ code });
  expect(desk.ledger.state().seq).toBe(seq);
  await desk.close();
});
