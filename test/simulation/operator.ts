/** An operator: raises and lowers limits, takes budgets away and brings them back, and settles what nobody knows. */
import type { LedgerCommand, LedgerResult } from "../../src/accounting/ledger/command.js";
import type { Books } from "./books.js";
import type { Operations } from "./operations.js";
import type { Random } from "./random.js";
import type { Swarm } from "./swarm.js";

export interface OperatorOptions {
  readonly random: Random;
  readonly swarm: Swarm;
  readonly ask: (command: LedgerCommand) => Promise<LedgerResult | null>;
  readonly books: () => Books;
  readonly chargeOf: (attemptId: string) => bigint;
  readonly wall: () => number;
  readonly operations: Operations;
}

export interface Operator {
  /** Does one thing. */
  act(): Promise<void>;
  /** Settles every presumed attempt at its bill. */
  resolveAll(): Promise<void>;
}

export function openOperator(options: OperatorOptions): Operator {
  const { random, swarm, ask, books, chargeOf } = options;

  function presumed(): readonly string[] {
    return [...books().attempts.values()].filter(({ state }) => state === "presumed").map(({ attempt_id }) => attempt_id);
  }

  async function resolve(attempt_id: string): Promise<void> {
    options.operations.operator += 1;
    const nano = chargeOf(attempt_id);
    const counts = { input_fresh: Number(nano % 5_000n), output_text: 0, requests: 1 };
    const by = { actor: "operator", reason: "the provider's invoice" };
    await ask({ type: "post", attempt_id, nano, usage: { counts, evidence: "estimated" }, outcome: "resolved", ...by });
  }

  async function declare(): Promise<void> {
    const [first, ...others] = swarm.budgets;
    const gone = random.pick(swarm.budgets);
    const kept = [first, ...others].filter((budget) => budget !== undefined && budget !== gone);
    const by = { actor: "operator", reason: "tried without it" };
    await ask({ type: "declare", budgets: kept as typeof swarm.budgets, ...by });
    const limited = swarm.budgets.map((budget) =>
      budget.limit !== null && random.chance(0.2)
        ? { ...budget, limit: (budget.limit * BigInt(random.between(5, 20))) / 10n }
        : budget,
    );
    await ask({ type: "declare", budgets: limited, ...by });
  }

  return {
    async act() {
      options.operations.operator += 1;
      if (random.chance(0.3)) return declare();
      const [some] = presumed();
      if (some !== undefined && random.chance(0.5)) {
        resolve(some);
        return;
      }
      const { name, limit } = random.pick(swarm.budgets);
      if (limit === null) return;
      const amount = (limit * BigInt(random.between(-60, 60))) / 100n;
      const until = random.chance(0.5) ? null : options.wall() + random.between(1_000, 120_000);
      await ask({ type: "raise", budget: name, amount, until, actor: "operator", reason: "asked for" });
    },
    async resolveAll() {
      for (const attempt_id of presumed()) await resolve(attempt_id);
    },
  };
}
