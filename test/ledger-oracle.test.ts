import fc from "fast-check";
import { expect, test } from "vitest";
import type { Budget } from "../src/accounting/budget/budget.js";
import type { LedgerResult } from "../src/accounting/ledger/command.js";
import { openMemory } from "../src/stores/memory/open-memory.js";
import { budget, caller, standingClock } from "./ledger-fixtures.js";
import { Oracle, type OracleBudget, type OracleCall } from "./oracle.js";

const BUDGETS: readonly OracleBudget[] = [
  { name: "org", per: "none", unit: "usd", window: "day", limit: 20_000 },
  { name: "team", per: "team", unit: "tokens", window: "lifetime", limit: 900 },
  { name: "agent", per: "agent", unit: "usd", window: "day", limit: 6_000 },
  { name: "task", per: "task", unit: "usd", window: "lifetime", limit: 4_000 },
  { name: "rate", per: "agent", unit: "requests", window: "day", limit: 12 },
];

const declared: readonly Budget[] = BUDGETS.map((one) =>
  budget({
    name: one.name,
    limit: BigInt(one.limit),
    unit: one.unit,
    per: one.per === "none" ? [] : [one.per],
    window: one.window === "day" ? { kind: "calendar", unit: "day" } : { kind: "lifetime" },
  }),
);

const call = fc.record({
  agent: fc.constantFrom("a", "b", "c,d", "e/f"),
  team: fc.constantFrom("red", "blue"),
  task: fc.option(fc.constantFrom("t1", "t2", "t3"), { nil: null }),
  nano: fc.integer({ min: 0, max: 2_000 }),
  tokens: fc.integer({ min: 0, max: 60 }),
});
const amounts = fc.record({ nano: fc.integer({ min: 0, max: 2_500 }), tokens: fc.integer({ min: 0, max: 80 }) });
const which = fc.integer({ min: 0, max: 40 });
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("hold" as const), call }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("post" as const), which, amounts }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("void" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), hours: fc.integer({ min: 0, max: 30 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("raise" as const),
      budget: fc.constantFrom(...BUDGETS),
      by: fc.integer({ min: -900, max: 900 }),
    }),
  },
);

function said(result: LedgerResult | undefined): string {
  if (result === undefined) return "nothing";
  if (result.ok) return result.changed ? "done" : "same";
  return result.refusal.code === "not_found" ? "unknown" : result.refusal.code;
}

function attribution(of: OracleCall) {
  return caller({ agent: of.agent, team: of.team, ...(of.task === null ? {} : { task: of.task }) });
}

async function agree(operations: readonly (typeof operation extends fc.Arbitrary<infer T> ? T : never)[]): Promise<void> {
  const clock = standingClock();
  const ledger = await openMemory({ clock });
  const oracle = new Oracle();
  oracle.budgets.push(...BUDGETS);
  await ledger.apply([{ type: "declare", budgets: declared, actor: "test", reason: "test" }]);
  let count = 0;
  for (const step of operations) {
    if (step.kind === "wait") clock.move(step.hours * 3_600_000);
    else if (step.kind === "raise") {
      oracle.raise(step.budget, step.by);
      await ledger.apply([
        { type: "raise", budget: step.budget.name, amount: BigInt(step.by), until: null, actor: "t", reason: "t" },
      ]);
    } else if (step.kind === "hold") {
      const id = `c${count++}`;
      const { nano, tokens } = step.call;
      const [result] = await ledger.apply([
        {
          type: "hold",
          call_id: id,
          attempt_id: `${id}.1`,
          attribution: attribution(step.call),
          provider: "p",
          price_id: "r",
          ceiling: { nano: BigInt(nano), input_tokens: tokens, output_tokens: 0 },
          estimated_input: tokens,
        },
      ]);
      expect(result?.ok).toBe(oracle.hold(id, step.call, clock.now()));
    } else if (step.kind === "post") {
      const { nano, tokens } = step.amounts;
      const usage = { counts: { input_fresh: tokens }, evidence: "provider" as const };
      const [result] = await ledger.apply([
        { type: "post", attempt_id: `c${step.which}.1`, usage, nano: BigInt(nano), outcome: "end" },
      ]);
      expect(said(result)).toBe(oracle.post(`c${step.which}`, step.amounts));
    } else {
      const [result] = await ledger.apply([{ type: "void", attempt_id: `c${step.which}.1`, proof: "test" }]);
      expect(said(result)).toBe(oracle.void(`c${step.which}`));
    }
  }
  for (const account of ledger.state().accounts.values()) {
    const of = BUDGETS.find((one) => one.name === account.budget) as OracleBudget;
    const example = [...oracle.holds.values()].find(
      (hold) =>
        (of.per === "none" || hold.call[of.per] === account.group[0]) &&
        (account.window_start === null || hold.day === account.window_start / 86_400_000),
    );
    const expected = example === undefined ? { used: 0, held: 0 } : oracle.standing(of, example.call, account.window_start ?? 0);
    expect({ id: account.id, used: account.used, held: account.held }).toEqual({
      id: account.id,
      used: BigInt(expected.used),
      held: BigInt(expected.held),
    });
  }
  await ledger.close();
}

test("every hold, post, void and raise comes out as in a naive ledger that scans everything", async () => {
  const seed = Number(process.env.BURSAR_SEED ?? Date.now() % 2 ** 31);
  console.info(`ledger-oracle seed ${seed}`);
  await fc.assert(fc.asyncProperty(fc.array(operation, { maxLength: 120 }), agree), { seed, numRuns: 150 });
});
