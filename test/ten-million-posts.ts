import { openMemo } from "../src/accounting/budget/accounts.js";
import { apply } from "../src/accounting/ledger/apply.js";
import type { LedgerCommand } from "../src/accounting/ledger/command.js";
import { decide } from "../src/accounting/ledger/decide.js";
import { emptyState } from "../src/accounting/ledger/empty-state.js";
import type { PostedEntry } from "../src/accounting/ledger/entry.js";
import type { State } from "../src/accounting/ledger/state.js";
import type { UsageCounts } from "../src/accounting/meter/usage.js";
import { costOf } from "../src/accounting/price/cost.js";
import { openPriceBook } from "../src/accounting/price/price-book.js";
import type { PriceRow } from "../src/accounting/price/price-row.js";
import { openWindows } from "../src/accounting/units/window.js";
import { budget, caller } from "./ledger-fixtures.js";

const NOW = Date.UTC(2026, 10, 24, 12);

/** Prices in dollars per million at which a single token costs fractions of a nano-dollar. */
const PRICE = { model: "acme/a", input: "0.0015", cache_read: "0.0033", output: "0.0123" };

/** The same by hand: dollars per million are numerator / 10,000. */
const NUMERATORS: Readonly<Record<string, number>> = { input_fresh: 15, cache_read: 33, output_text: 123 };

/** What one usage costs in nano-dollars, rounded half-up: $/M are 1,000 nano-dollars a token, so a fraction over 10. */
function rationalNano(counts: UsageCounts): bigint {
  let tenths = 0n;
  for (const [name, units] of Object.entries(counts)) tenths += BigInt(units) * BigInt(NUMERATORS[name] ?? 0);
  return (2n * tenths + 10n) / 20n;
}

/** What came of it, and what a rational oracle says it must be. */
export interface Posted {
  readonly state: State;
  readonly calls: number;
  readonly oracle: bigint;
}

/** What the books say, in numbers that a thread can send. */
export interface Books {
  readonly calls: number;
  readonly oracle: bigint;
  readonly account: { readonly used: bigint; readonly held: bigint; readonly presumed: bigint; readonly overrun: bigint };
  readonly agent: { readonly calls: number; readonly nano: bigint };
}

/** The books after so many posts. */
export function booksOf({ state, calls, oracle }: Posted): Books {
  const account = [...state.accounts.values()][0];
  const agent = state.agents.get("a");
  if (account === undefined || agent === undefined) throw new Error("Nothing was posted.");
  const { used, held, presumed, overrun } = account;
  return { calls, oracle, account: { used, held, presumed, overrun }, agent: { calls: agent.calls, nano: agent.nano } };
}

interface Drawn {
  readonly row: PriceRow;
  draw(): UsageCounts;
  oracle(): bigint;
}

/** A thousand usages, drawn by seed. Half of them cost 1 n$ or less: what floats and early rounding lose first. */
function openDraw(seed: number): Drawn {
  const row = openPriceBook({ overrides: [PRICE] }).resolve({ provider: "acme", model: "a", at: NOW });
  if (row === null) throw new Error("acme/a has no price");
  let random = seed >>> 0;
  const next = (below: number): number => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return (random >>> 4) % below;
  };
  const usages = Array.from({ length: 1_000 }, (_, index): UsageCounts => {
    if (index < 500) return { input_fresh: next(6), requests: 1 };
    return { input_fresh: next(200_000), cache_read: next(100_000), output_text: next(10_000), requests: 1 };
  });
  const drawn = usages.map(() => 0);
  return {
    row,
    draw() {
      const pick = next(usages.length);
      drawn[pick] = (drawn[pick] ?? 0) + 1;
      return usages[pick] as UsageCounts;
    },
    oracle: () => usages.reduce((sum, counts, index) => sum + rationalNano(counts) * BigInt(drawn[index] ?? 0), 0n),
  };
}

function openBooks() {
  const state = emptyState();
  const using = { now: NOW, memo: openMemo(openWindows()) };
  const take = (command: LedgerCommand): void => {
    const { entries, refusal } = decide(state, command, using);
    if (refusal !== undefined) throw new Error(refusal.message);
    for (const entry of entries) apply(state, entry);
  };
  take({ type: "declare", budgets: [budget({ name: "all", limit: null })], actor: "t", reason: "t" });
  return { state, take };
}

const MOST = { nano: 10n ** 9n, input_tokens: 300_000, output_tokens: 10_000 };
const attribution = caller();

/** Calls through the rules: each is held, priced, and posted. */
export function postThroughRules(calls: number, seed: number): Posted {
  const { row, draw, oracle } = openDraw(seed);
  const { state, take } = openBooks();
  for (let n = 0; n < calls; n++) {
    const attempt_id = `c${n}`;
    const counts = draw();
    const held = { call_id: attempt_id, attempt_id, attribution, provider: "acme", price_id: row.id };
    take({ type: "hold", ...held, ceiling: MOST, estimated_input: 0 });
    const usage = { counts, evidence: "provider" as const };
    take({ type: "post", attempt_id, usage, nano: costOf(counts, row), outcome: "end" });
  }
  return { state, calls, oracle: oracle() };
}

/** Posts, as the log has them, through the fold alone: a fifth of the time. */
export function postThroughFold(calls: number, seed: number): Posted {
  const { row, draw, oracle } = openDraw(seed);
  const { state, take } = openBooks();
  const held = { call_id: "c", attempt_id: "c", attribution, provider: "acme", price_id: row.id };
  take({ type: "hold", ...held, ceiling: MOST, estimated_input: 0 });
  take({ type: "void", attempt_id: "c", proof: "not_sent" });
  const account = [...state.accounts.keys()][0] as string;
  for (let n = 0; n < calls; n++) {
    const counts = draw();
    const nano = String(costOf(counts, row));
    const entry: PostedEntry = {
      seq: state.seq + 1,
      at: NOW,
      type: "call.posted",
      call_id: "c",
      attempt_id: `c${n}`,
      agent: "a",
      model: "acme/a",
      price_id: row.id,
      nano,
      usage: counts,
      evidence: "provider",
      postings: [{ account, amount: nano }],
      outcome: "end",
    };
    apply(state, entry);
  }
  return { state, calls, oracle: oracle() };
}
