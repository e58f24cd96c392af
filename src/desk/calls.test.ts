import fc from "fast-check";
import { expect, test } from "vitest";
import { openTestDesk } from "../../test/desk-fixtures.js";
import { caller, ceiling, hold, post } from "../../test/ledger-fixtures.js";

interface Page {
  calls: {
    call_id: string;
    state: string;
    agent: string;
    cost_usd: string | null;
    held_usd: string;
    attempts: number;
    outcome: string | null;
  }[];
  next: number | null;
}

test("a call stands as its attempts do, over a retry", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([
    hold("retried", ceiling(1000, 0)),
    { type: "void", attempt_id: "retried.1", proof: "unbilled_status:429" },
    { ...hold("retried", ceiling(1000, 0)), attempt_id: "retried.2" },
    { ...post("retried", { input: 1000, output: 0 }), attempt_id: "retried.2" },
    hold("flying", ceiling(500, 0)),
    { type: "extend", attempt_id: "flying.1", add: ceiling(0, 250) },
    hold("dear", ceiling(0, 9_000_000)),
    hold("given back", ceiling(1, 0)),
    { type: "void", attempt_id: "given back.1", proof: "not_sent" },
  ]);
  const { calls } = await desk.ask<Page>("call list");
  expect(calls.map((call) => [call.call_id, call.state, call.cost_usd, call.held_usd, call.attempts])).toEqual([
    ["given back", "voided", null, "0.00", 1],
    ["dear", "refused", null, "0.00", 1],
    ["flying", "pending", null, "0.001", 1],
    ["retried", "posted", "0.001", "0.00", 2],
  ]);
  await desk.close();
});

test("filters narrow by agent, task, state and model with or without its provider", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([
    hold("one", ceiling(1, 0), { attribution: caller({ agent: "x", task: "t1" }) }),
    hold("two", ceiling(1, 0), { attribution: caller({ agent: "y", model: "anthropic/claude-haiku-4-5" }) }),
    post("two", { input: 1, output: 0 }),
  ]);
  const ids = async (query: Record<string, unknown>) =>
    (await desk.ask<Page>("call list", query)).calls.map((call) => call.call_id);
  expect(await ids({ agent: "x" })).toEqual(["one"]);
  expect(await ids({ task: "t1" })).toEqual(["one"]);
  expect(await ids({ state: "posted" })).toEqual(["two"]);
  expect(await ids({ model: "Claude-Haiku-4-5" })).toEqual(["two"]);
  expect(await ids({ model: "openai/gpt-4o" })).toEqual(["one"]);
  expect(await ids({ agent: "nobody" })).toEqual([]);
  await desk.close();
});

test("pages go back through the whole log, beyond what memory keeps, without gap or repeat", async () => {
  const seed = Date.now() % 1_000_000;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 17 }),
      async (made, kept, limit) => {
        const desk = await openTestDesk({ kept });
        const expected: string[] = [];
        for (let number = 0; number < made; number++) {
          await desk.ledger.apply([hold(`call ${number}`, ceiling(1, 0))]);
          expected.unshift(`call ${number}`);
          if (number % 3 === 0) await desk.ledger.apply([post(`call ${Math.floor(number / 2)}`, { input: 1, output: 0 })]);
        }
        const seen: string[] = [];
        let before: number | null | undefined;
        while (before !== null) {
          const page: Page = await desk.ask("call list", before === undefined ? { limit } : { limit, before });
          seen.push(...page.calls.map((call) => call.call_id));
          before = page.next;
        }
        expect(seen).toEqual(expected);
        await desk.close();
      },
    ),
    { seed, numRuns: 25 },
  );
});

test("after a restart the last calls are there again", async () => {
  const first = await openTestDesk();
  await first.ledger.apply([
    hold("before", ceiling(10, 0)),
    post("before", { input: 10, output: 0 }),
    hold("cut off", ceiling(10, 0)),
  ]);
  await first.close();
  const second = await openTestDesk({ lines: [...first.lines] });
  const { calls } = await second.ask<Page>("call list");
  expect(calls.map((call) => [call.call_id, call.state])).toEqual([
    ["cut off", "presumed"],
    ["before", "posted"],
  ]);
  expect(second.needs.calls.agentOf("before")).toBe("a");
  await second.close();
});
