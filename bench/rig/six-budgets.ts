/** Organisation, team, agent, task, key and rate: six hard budgets over every call, with limits that nothing reaches. */
import type { Budget } from "../../src/accounting/budget/budget.js";

function budget(name: string, over: Partial<Budget>): Budget {
  const fixed = { match: {}, per: [], unit: "usd", count: "total", timezone: "UTC", week_start: "monday", mode: "hard" } as const;
  const window = { kind: "calendar", unit: "month" } as const;
  const rest = { ceiling: "measured", clamp: false, on_unknown_price: "deny", accounts_max: 10_000 } as const;
  return { ...fixed, ...rest, limit: 10n ** 18n, window, name, ...over };
}

/** Windows that a rate may have: one that turns, or one that looks back over its buckets. */
export const RATES: Readonly<Record<string, Budget["window"]>> = {
  "rate per minute": { kind: "calendar", unit: "minute" },
  "rate over a rolling minute": { kind: "rolling", ms: 60_000 },
};

/** The six; `rate` is the window of the sixth. */
export function sixBudgets(rate: Budget["window"]): readonly Budget[] {
  return [
    budget("org", {}),
    budget("team", { per: ["team"] }),
    budget("agent", { per: ["agent"], unit: "tokens", window: { kind: "calendar", unit: "day" } }),
    budget("task", { per: ["task"], window: { kind: "lifetime" } }),
    budget("key", { per: ["key"] }),
    budget("rate", { per: ["agent"], unit: "requests", window: rate }),
  ];
}
