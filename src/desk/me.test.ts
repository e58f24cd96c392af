import { expect, test } from "vitest";
import { boundKey, openTestDesk, trustedKey } from "../../test/desk-fixtures.js";
import { budget, caller, ceiling, hold } from "../../test/ledger-fixtures.js";

interface Me {
  key: string;
  agent: string;
  budgets: { name: string; group: string[]; held: string; left: string }[];
  tightest: { name: string } | null;
}

const budgets = [
  budget({ name: "org", limit: 100_000_000_000n }),
  budget({ name: "agents", limit: 1_000_000_000n, per: ["agent"] }),
  budget({ name: "tasks", limit: 500_000_000n, per: ["task"] }),
  budget({ name: "models", limit: 1_000_000_000n, per: ["model"] }),
  budget({ name: "team-x", limit: 1n, match: { team: "x" } }),
];

test("a bound key sees the budgets its calls spend from, and nobody else's amounts", async () => {
  const desk = await openTestDesk({ budgets });
  await desk.ledger.apply([
    hold("own", ceiling(100_000, 0), { attribution: caller({ agent: "support-bot", team: "cx", key: "cx" }) }),
    hold("other", ceiling(900_000, 0), { attribution: caller({ agent: "other" }) }),
  ]);
  const me = await desk.ask<Me>("me", {}, { name: "key:cx", key: boundKey });
  expect(me).toMatchObject({ key: "cx", agent: "support-bot", tightest: { name: "agents" } });
  expect(me.budgets.map((one) => [one.name, one.group])).toEqual([
    ["org", []],
    ["agents", ["support-bot"]],
  ]);
  expect(me.budgets[1]).toMatchObject({ held: "0.10", left: "0.90" });
  await desk.close();
});

test("a bound key may not look at another agent; a trusted one names agent, task and model", async () => {
  const desk = await openTestDesk({ budgets });
  await expect(desk.ask("me", { agent: "other" }, { name: "key:cx", key: boundKey })).rejects.toMatchObject({
    code: "forbidden",
  });
  const me = await desk.ask<Me>("me", { agent: "x", task: "t", model: "gpt-4o" }, { name: "key:platform", key: trustedKey });
  expect(me.budgets.map((one) => [one.name, one.group])).toEqual([
    ["org", []],
    ["agents", ["x"]],
    ["tasks", ["t"]],
    ["models", ["openai/gpt-4o"]],
  ]);
  await desk.close();
});
