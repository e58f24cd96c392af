/**
 * The rules alone: decide and apply in memory, six hard budgets, hold and post of every call, against a plain Map of
 * counters that only checks and adds. No I/O. `npm run -s bench -- decide [--calls 100000] [--rounds 5] [--json]`
 */
import { parseArgs } from "node:util";
import { type Memo, openMemo } from "../src/accounting/budget/accounts.js";
import type { Budget } from "../src/accounting/budget/budget.js";
import { apply } from "../src/accounting/ledger/apply.js";
import type { HoldCommand, LedgerCommand, PostCommand } from "../src/accounting/ledger/command.js";
import { decide } from "../src/accounting/ledger/decide.js";
import { emptyState } from "../src/accounting/ledger/empty-state.js";
import type { State } from "../src/accounting/ledger/state.js";
import { openWindows } from "../src/accounting/units/window.js";
import { median, report, shown } from "./rig/figures.js";
import { RATES, sixBudgets } from "./rig/six-budgets.js";

const LIMIT = 10n ** 18n;
const CEILING = { nano: 900_000n, input_tokens: 2_000, output_tokens: 1_024 };
const COST = 481_500n;
/** 24 November 2026: the time of these calls; each is a millisecond after the one before. */
const START = Date.UTC(2026, 10, 24, 12);
const AGENTS = 50;

/** Who calls: one frozen object for each caller and model, as the road keeps them. */
const CALLERS = Array.from({ length: AGENTS }, (_, agent) =>
  Object.freeze({ key: "cx", agent: `agent-${agent}`, team: "cx", model: "openai/gpt-4o-mini", task: `task-${agent}` }),
);

function hold(id: string, agent: number): HoldCommand {
  return {
    type: "hold",
    call_id: id,
    attempt_id: `${id}.1`,
    attribution: CALLERS[agent] as HoldCommand["attribution"],
    provider: "openai",
    price_id: "openai/gpt-4o-mini@2024-07-18",
    ceiling: CEILING,
    estimated_input: 1_800,
  };
}

function post(id: string): PostCommand {
  const counts = { input_fresh: 1_810, output_text: 350, requests: 1 };
  return { type: "post", attempt_id: `${id}.1`, usage: { counts, evidence: "provider" }, nano: COST, outcome: "end" };
}

function take(state: State, command: LedgerCommand, using: { now: number; memo: Memo }): void {
  const { entries, refusal } = decide(state, command, using);
  if (refusal !== undefined) throw new Error(`A call that fits was refused: ${refusal.message}`);
  for (const entry of entries) apply(state, entry);
}

/** Seconds for `calls` holds, each posted 64 calls later: as many are in flight. Throws when the books are not what was spent. */
function throughRules(calls: number, window: Budget["window"]): number {
  const state = emptyState();
  const memo = openMemo(openWindows());
  const budgets = sixBudgets(window);
  take(state, { type: "declare", budgets, actor: "bench", reason: "bench" }, { now: START, memo });
  const began = performance.now();
  for (let n = 0; n < calls + 64; n++) {
    const using = { now: START + n, memo };
    if (n < calls) take(state, hold(`c${n}`, n % AGENTS), using);
    if (n >= 64) take(state, post(`c${n - 64}`), using);
  }
  const seconds = (performance.now() - began) / 1000;
  const spent = [...state.accounts.values()].find((account) => account.budget === "org")?.used;
  if (spent !== BigInt(calls) * COST) throw new Error(`The organisation's account says ${spent}`);
  return seconds;
}

interface Counter {
  used: bigint;
  held: bigint;
}

/** The same money over a Map from name to counter: what nobody can be faster than with the same arithmetic. */
function throughMap(calls: number): number {
  const counters = new Map<string, Counter>();
  const namesOf = (agent: number): string[] => ["org", "team/cx", `agent/${agent}`, `task/${agent}`, "key/cx", `rate/${agent}`];
  const counterOf = (name: string): Counter => {
    const known = counters.get(name);
    if (known !== undefined) return known;
    const fresh = { used: 0n, held: 0n };
    counters.set(name, fresh);
    return fresh;
  };
  const began = performance.now();
  for (let n = 0; n < calls + 64; n++) {
    if (n < calls) {
      const path = namesOf(n % AGENTS).map(counterOf);
      if (path.some(({ used, held }) => used + held + CEILING.nano > LIMIT)) throw new Error("A call that fits was refused");
      for (const counter of path) counter.held += CEILING.nano;
    }
    if (n >= 64) {
      for (const counter of namesOf((n - 64) % AGENTS).map(counterOf)) {
        counter.held -= CEILING.nano;
        counter.used += COST;
      }
    }
  }
  return (performance.now() - began) / 1000;
}

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "100000" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const calls = Number(values.calls);
const seconds = new Map<string, number[]>([...Object.keys(RATES), "plain Map"].map((name) => [name, []]));
// The first round only warms up.
for (let round = 0; round <= Number(values.rounds); round++) {
  const measured = new Map<string, number>([["plain Map", throughMap(calls)]]);
  for (const [name, window] of Object.entries(RATES)) measured.set(name, throughRules(calls, window));
  if (round > 0) for (const [name, taken] of measured) seconds.get(name)?.push(taken);
}
const perCall = (name: string): number => median(seconds.get(name) ?? []) / calls;
const rows = [...seconds.keys()].map((name) => [
  name,
  {
    calls_per_second: shown(1 / perCall(name)),
    decisions_per_second: shown(2 / perCall(name)),
    us_per_decision: shown((perCall(name) / 2) * 1e6),
    time_to_map: shown(perCall(name) / perCall("plain Map")),
  },
]);
report("decide", { "hold and post, six hard budgets": Object.fromEntries(rows) }, values.json);
