import { expect, test } from "vitest";
import { admin, commandNamed, openTestDesk } from "../../test/desk-fixtures.js";
import { budget, ceiling, hold, refusalCode } from "../../test/ledger-fixtures.js";
import { previewOf } from "./command.js";

interface Raised {
  limit: string;
  limit_before: string;
  changed_by: string;
  until: string | null;
}
interface Shown {
  limit: string;
  declared: string;
  raises: { amount: string; actor: string; reason: string; until: string | null; in_force: boolean }[];
  accounts: { used: string; held: string; left: string }[];
  from: Record<string, string>;
}

test("a raise lets through what was refused, is a dated entry with its author, and ends when it says", async () => {
  const desk = await openTestDesk();
  const [before] = await desk.ledger.apply([hold("big", ceiling(0, 6_000_000))]);
  expect(refusalCode(before)).toBe("budget_exceeded");
  const raised = await desk.ask<Raised>("budget raise", { name: "day", amount: "5", until: "2h", reason: "release day" });
  expect(raised).toMatchObject({ limit_before: "10.00", limit: "15.00", changed_by: "5.00", until: "2026-11-24T14:00:00.000Z" });
  const [after] = await desk.ledger.apply([hold("big again", ceiling(0, 6_000_000))]);
  expect(after?.ok).toBe(true);
  const shown = await desk.ask<Shown>("budget show", { name: "day" });
  expect(shown).toMatchObject({ limit: "15.00", declared: "10.00" });
  expect(shown.raises).toEqual([
    expect.objectContaining({
      amount: "5.00",
      actor: "ada",
      reason: "release day",
      in_force: true,
      until: "2026-11-24T14:00:00.000Z",
    }),
  ]);
  expect(shown.from.limit).toContain("the last by ada");
  expect(shown.accounts[0]).toMatchObject({ held: "12.00", left: "3.00" });
  desk.clock.move(7_200_000);
  const later = await desk.ask<Shown>("budget show", { name: "day" });
  expect(later).toMatchObject({ limit: "10.00" });
  expect(later.raises[0]?.in_force).toBe(false);
  await desk.close();
});

test("amounts are read in the budget's unit, and lowering is a negative raise", async () => {
  const desk = await openTestDesk({
    budgets: [budget({ name: "tokens", limit: 1_000_000n, unit: "tokens" }), budget({ name: "usd", limit: 1_000_000_000n })],
  });
  expect(await desk.ask("budget raise", { name: "tokens", amount: "2M" })).toMatchObject({ limit: "3000000" });
  expect(await desk.ask("budget raise", { name: "tokens", amount: "-500k" })).toMatchObject({
    limit: "2500000",
    changed_by: "-500000",
  });
  expect(await desk.ask("budget lower", { name: "usd", amount: "0.25" })).toMatchObject({ limit: "0.75", changed_by: "-0.25" });
  expect(await desk.ask("budget lower", { name: "usd", amount: "5" })).toMatchObject({ limit: "0.00" });
  await desk.close();
});

test.each([
  ["2M", "usd"],
  ["1e3", "usd"],
  ["0", "usd"],
  ["", "usd"],
  ["NaN", "usd"],
  ["--5", "usd"],
  ["0x10", "usd"],
  ["1.5", "tokens"],
  ["1e400", "tokens"],
])("%s is no amount for a budget in %s", async (amount, name) => {
  const desk = await openTestDesk({
    budgets: [budget({ name: "tokens", limit: 1n, unit: "tokens" }), budget({ name: "usd", limit: 1n })],
  });
  await expect(desk.ask("budget raise", { name, amount })).rejects.toMatchObject({ code: "invalid_request" });
  expect(desk.ledger.state().budgets.get(name)?.raises).toEqual([]);
  await desk.close();
});

test.each(["budget raise", "budget lower"])("%s shows how a JSON number is written as text", async (command) => {
  const desk = await openTestDesk();
  await expect(desk.ask(command, { name: "day", amount: 10 })).rejects.toMatchObject({
    code: "invalid_request",
    message: 'The request is not right. amount: write it as text: "10".',
  });
  await expect(desk.ask(command, { name: "day" })).rejects.toMatchObject({ message: expect.not.stringContaining("as text") });
  expect(desk.ledger.state().budgets.get("day")?.raises).toEqual([]);
  await desk.close();
});

test("an unknown budget is named, with those that exist; an end that has passed or is no instant is refused", async () => {
  const desk = await openTestDesk();
  await expect(desk.ask("budget raise", { name: "dya", amount: "1" })).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringContaining("Known: day."),
  });
  for (const until of ["2020-01-01", "soon", "2026-12-24T18:00:00", "0m", "2026-13-01"]) {
    await expect(desk.ask("budget raise", { name: "day", amount: "1", until })).rejects.toMatchObject({
      code: "invalid_request",
    });
  }
  await desk.close();
});

test("a preview says what would happen and writes nothing", async () => {
  const desk = await openTestDesk();
  const { seq } = desk.ledger.state();
  const input = { name: "day", amount: "2.50" };
  expect(previewOf(commandNamed("budget raise"), desk.needs, { input, actor: admin })).toBe(
    'Budget "day" would go from $10.00 to $12.50 for good.',
  );
  expect(previewOf(commandNamed("budget lower"), desk.needs, { input, actor: admin })).toContain("to $7.50");
  expect(desk.ledger.state().seq).toBe(seq);
  await desk.close();
});

test("lists show each budget's fullest account, and accounts can be narrowed to a group", async () => {
  const desk = await openTestDesk({
    budgets: [budget({ name: "agents", limit: 1_000_000_000n, per: ["agent"] }), budget({ name: "all", limit: 2_000_000_000n })],
  });
  for (const [agent, tokens] of [
    ["a", 10],
    ["b", 500_000],
    ["c", 20],
  ] as const) {
    await desk.ledger.apply([hold(agent, ceiling(tokens, 0), { attribution: { key: "k", agent, model: "openai/gpt-4o" } })]);
  }
  const { budgets } = await desk.ask<{
    budgets: { name: string; accounts: number; fullest: { group: string[]; percent: number } }[];
  }>("budget list");
  expect(budgets.map((one) => [one.name, one.accounts, one.fullest.group, one.fullest.percent])).toEqual([
    ["agents", 3, ["b"], 50],
    ["all", 1, [], 25],
  ]);
  const accounts = await desk.ask<{ accounts: { name: string; group: string[] }[]; total: number }>("account list", {
    group: "b",
  });
  expect(accounts).toMatchObject({ total: 1, accounts: [{ name: "agents", group: ["b"] }] });
  await desk.close();
});
