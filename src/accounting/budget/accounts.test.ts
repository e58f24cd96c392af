import fc from "fast-check";
import { expect, test } from "vitest";
import { apply } from "../ledger/apply.js";
import type { HoldCommand, LedgerCommand } from "../ledger/command.js";
import { decide } from "../ledger/decide.js";
import { emptyState } from "../ledger/empty-state.js";
import type { State } from "../ledger/state.js";
import { openWindows, rollingBuckets, type Window } from "../units/window.js";
import { chainOf, openMemo, pathOf, standingOf } from "./accounts.js";
import type { Attribution, Budget } from "./budget.js";

const START = Date.UTC(2026, 10, 24, 23, 50);
const ROLLING: Window = { kind: "rolling", ms: 60_000 };

function budget(name: string, over: Partial<Budget>): Budget {
  const fixed = { match: {}, per: [], unit: "usd", count: "total", timezone: "UTC", week_start: "monday", mode: "soft" } as const;
  const rest = { limit: 5_000n, ceiling: "measured", clamp: false, on_unknown_price: "deny", accounts_max: 2 } as const;
  return { ...fixed, ...rest, window: { kind: "lifetime" }, name, ...over };
}

const BUDGETS = [
  budget("all", {}),
  budget("day", { per: ["agent"], window: { kind: "calendar", unit: "day" } }),
  budget("burst", { per: ["agent"], window: ROLLING }),
  budget("tagged", { per: ["tag:run"], match: { tag: { run: "*" } }, window: { kind: "rolling", ms: 3_600_000 } }),
];

const caller = fc.record(
  {
    key: fc.constantFrom("k", "k1:k"),
    agent: fc.constantFrom("a", "b", "c", "other"),
    model: fc.constant("openai/gpt-4o"),
    team: fc.constantFrom("", "t", "1:t"),
    tags: fc.constantFrom<Record<string, string>>({}, { run: "x" }, { run: "y", other: "x" }),
  },
  { requiredKeys: ["key", "agent", "model"] },
);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("hold" as const), caller, nano: fc.bigInt(0n, 900n) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("post" as const, "void" as const, "presume" as const), of: fc.nat(30) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: -2_000, max: 40_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("declare" as const), most: fc.integer({ min: 1, max: 3 }) }) },
);

function holdOf(n: number, attribution: Attribution, nano: bigint): HoldCommand {
  const ceiling = { nano, input_tokens: 1, output_tokens: 1 };
  const ids = { call_id: `c${n}`, attempt_id: `c${n}.1` };
  return { type: "hold", ...ids, attribution, provider: "openai", price_id: "row", ceiling, estimated_input: 1 };
}

function declaration(most: number): LedgerCommand {
  const budgets = BUDGETS.map((one) => ({ ...one, accounts_max: most }));
  return { type: "declare", budgets, actor: "test", reason: "test" };
}

function commandOf(
  one: Exclude<typeof step extends fc.Arbitrary<infer T> ? T : never, { kind: "wait" }>,
  n: number,
): LedgerCommand {
  const attempt_id = "of" in one ? `c${one.of}.1` : "";
  switch (one.kind) {
    case "hold":
      return holdOf(n, one.caller, one.nano);
    case "post": {
      const usage = { counts: { input_fresh: 1, output_text: 1 }, evidence: "provider" } as const;
      return { type: "post", attempt_id, usage, nano: 100n, outcome: "end" };
    }
    case "void":
      return { type: "void", attempt_id, proof: "not_sent", actor: "test" };
    case "presume":
      return { type: "presume", attempt_id, reason: "timeout" };
    case "declare":
      return declaration(one.most);
  }
}

/** What stands in a rolling window, added up bucket by bucket. */
function addedUp(state: State, of: { id: string; ms: number; latest: number }, now: number) {
  const { oldest } = rollingBuckets({ ms: of.ms, at: Math.max(now, of.latest) });
  const sum = { used: 0n, held: 0n, presumed: 0n };
  for (const account of state.accounts.values()) {
    if (chainOf(account.id) !== chainOf(of.id) || (account.window_start ?? 0) < oldest) continue;
    sum.used += account.used;
    sum.held += account.held;
    sum.presumed += account.presumed;
  }
  return sum;
}

test("a rolling window's kept sum is its buckets added up, and remembered paths are those found anew", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const state = emptyState();
      const memo = openMemo(openWindows());
      let now = START;
      const take = (command: LedgerCommand): void => {
        for (const entry of decide(state, command, { now, memo }).entries) apply(state, entry);
      };
      take(declaration(2));
      steps.forEach((one, n) => {
        if (one.kind === "wait") now += one.ms;
        else take(commandOf(one, n));
        if (one.kind !== "hold") return;
        const path = pathOf(state, one.caller, now, memo);
        expect(path).toEqual(pathOf(state, one.caller, now, openMemo(openWindows())));
        for (const at of path) {
          const { budget: found, opening } = at;
          const { window } = found.budget;
          if (window.kind !== "rolling") continue;
          const of = { id: opening.id, ms: window.ms, latest: found.latest_start };
          expect(standingOf(state, at, now)).toMatchObject(addedUp(state, of, now));
        }
      });
    }),
    { numRuns: 200 },
  );
});
