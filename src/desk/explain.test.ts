import { expect, test } from "vitest";
import { commandNamed, openTestDesk } from "../../test/desk-fixtures.js";
import { budget, ceiling, hold, post } from "../../test/ledger-fixtures.js";
import { costOf } from "../accounting/price/cost.js";
import { usdText } from "../accounting/units/money.js";
import type { AttemptJson, RefusalJson } from "./explained.js";

interface Explained {
  sentence: string;
  state: string;
  cost_usd: string | null;
  attempts: AttemptJson[];
  refusal: RefusalJson | null;
  accounts: { name: string; amount: string; used: string }[];
  entries: { type: string }[];
}

test("a paid call is explained line by line at its pinned price, and the lines add up to what was posted", async () => {
  const desk = await openTestDesk();
  const row = desk.needs.prices.resolve({ provider: "openai", model: "gpt-4o", at: desk.clock.now() });
  if (row === null) throw new Error("gpt-4o has no price");
  const counts = { input_fresh: 900, cache_read: 100, output_text: 333, requests: 1 };
  const nano = costOf(counts, row);
  await desk.ledger.apply([
    hold("paid", { nano: nano * 2n, input_tokens: 1100, output_tokens: 500 }, { price_id: row.id }),
    { type: "post", attempt_id: "paid.1", usage: { counts, evidence: "provider" }, nano, outcome: "end" },
  ]);
  const explained = await desk.ask<Explained>("call explain", { call_id: "paid" });
  const [attempt] = explained.attempts;
  expect(attempt).toMatchObject({
    state: "posted",
    cost_usd: usdText(nano),
    cost_of_ceiling_percent: 50,
    estimated_input: 1100,
    actual_input: 1000,
  });
  expect(attempt?.price?.id).toBe(row.id);
  expect(attempt?.cost_lines.map((line) => [line.class, line.units, line.usd_per_million])).toEqual([
    ["input_fresh", 900, "2.50"],
    ["cache_read", 100, "1.25"],
    ["output_text", 333, "10.00"],
    ["requests", 1, "0.00"],
  ]);
  const sum = (attempt?.cost_lines ?? []).reduce((total, line) => total + Number(line.usd), 0);
  expect(sum).toBeCloseTo(Number(attempt?.cost_usd), 8);
  expect(explained.accounts).toEqual([expect.objectContaining({ name: "day", amount: usdText(nano), used: usdText(nano) })]);
  expect(explained.sentence).toContain("ended normally and cost");
  expect(explained.entries.map((entry) => entry.type)).toEqual(["call.held", "call.posted"]);
  await desk.close();
});

test("a refused call names what stood there then and the command that lets it through, and that command works", async () => {
  const desk = await openTestDesk({ budgets: [budget({ name: "cap", limit: 1_000_000_000n })] });
  await desk.ledger.apply([
    hold("first", ceiling(300_000, 0)),
    post("first", { input: 300_000, output: 0 }),
    hold("dear", ceiling(0, 500_000)),
  ]);
  const explained = await desk.ask<Explained>("call explain", { call_id: "dear" });
  expect(explained).toMatchObject({ state: "refused", cost_usd: null, accounts: [] });
  expect(explained.refusal).toMatchObject({
    code: "budget_exceeded",
    budget: "cap",
    limit: "1.00",
    used: "0.30",
    held: "0.00",
    requested: "1.00",
    lift: "bursar budget raise cap 0.30",
  });
  const [, , , name, amount] = explained.refusal?.lift?.split(" ") ?? [];
  await desk.ask("budget raise", { name, amount });
  const [again] = await desk.ledger.apply([hold("dear again", ceiling(0, 500_000))]);
  expect(again?.ok).toBe(true);
  await desk.close();
});

test("retries, extensions, overruns and presumptions are told apart", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([
    hold("long", ceiling(1000, 0)),
    { type: "void", attempt_id: "long.1", proof: "connect_failed" },
    { ...hold("long", ceiling(1000, 0)), attempt_id: "long.2" },
    { type: "extend", attempt_id: "long.2", add: ceiling(0, 100) },
    { ...post("long", { input: 2000, output: 100 }), attempt_id: "long.2" },
    hold("lost", ceiling(10, 0)),
    { type: "presume", attempt_id: "lost.1", reason: "timeout" },
  ]);
  const long = await desk.ask<Explained>("call explain", { call_id: "long" });
  expect(long.attempts.map((attempt) => attempt.state)).toEqual(["voided", "posted"]);
  expect(long.attempts[1]).toMatchObject({ extensions: 1, ceiling_usd: "0.0012", overrun: { cause: "U2", usd: "0.001" } });
  expect(long.sentence).toContain("in 2 attempts");
  expect(long.sentence).toContain("more than was held (cause U2)");
  const lost = await desk.ask<Explained>("call explain", { call_id: "lost" });
  expect(lost.sentence).toContain("bursar hold resolve lost.1");
  expect(JSON.stringify(commandNamed("call explain").show(long))).toContain("Accounts, as they stand now");
  await desk.close();
});

test("a service tier of the provider is in the bill's lines", async () => {
  const desk = await openTestDesk();
  const row = desk.needs.prices.resolve({ provider: "openai", model: "gpt-4o", at: desk.clock.now() });
  if (row === null) throw new Error("gpt-4o has no price");
  const counts = { input_fresh: 1000 };
  const nano = costOf(counts, row, "flex");
  await desk.ledger.apply([
    hold("flex", ceiling(10_000, 0), { price_id: row.id }),
    { type: "post", attempt_id: "flex.1", usage: { counts, evidence: "provider", service_tier: "flex" }, nano, outcome: "end" },
  ]);
  const { attempts } = await desk.ask<Explained>("call explain", { call_id: "flex" });
  expect(Number(attempts[0]?.cost_lines[0]?.usd)).toBeCloseTo(Number(attempts[0]?.cost_usd), 9);
  await desk.close();
});

test("an unknown call is not found", async () => {
  const desk = await openTestDesk();
  await expect(desk.ask("call explain", { call_id: "none" })).rejects.toMatchObject({ code: "not_found" });
  await desk.close();
});
