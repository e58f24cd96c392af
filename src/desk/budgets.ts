import { z } from "zod";
import type { Unit, Window } from "../accounting/budget/budget.js";
import { BursarError } from "../accounting/errors.js";
import type { BudgetState } from "../accounting/ledger/state.js";
import {
  ACCOUNT_COLUMNS,
  accountJson,
  accountRow,
  accountSchema,
  amountJson,
  amountSchema,
  instantJson,
  instantSchema,
  shownAmount,
  unitSchema,
} from "./amount.js";
import { defineCommand } from "./command.js";
import type { DeskNeeds } from "./needs.js";
import { limitsOf, openAccounts, wholeAccount } from "./open-accounts.js";
import { left, right } from "./shown.js";

const budgetSchema = z.object({
  name: z.string(),
  unit: unitSchema,
  limit: amountSchema.nullable().describe("in force now; null is unlimited"),
  declared: amountSchema.nullable().describe("as the configuration says, without raises"),
  count: z.string(),
  window: z.string(),
  timezone: z.string(),
  per: z.array(z.string()),
  match: z.record(z.string(), z.unknown()),
  mode: z.enum(["hard", "soft", "shadow"]),
});

function windowText(window: Window): string {
  if (window.kind === "calendar") return window.unit;
  if (window.kind === "lifetime") return "lifetime";
  const minutes = window.ms / 60_000;
  if (minutes % 1440 === 0) return `rolling ${minutes / 1440}d`;
  return minutes % 60 === 0 ? `rolling ${minutes / 60}h` : `rolling ${minutes}m`;
}

function budgetJson(state: BudgetState, now: number): z.output<typeof budgetSchema> {
  const { budget } = state;
  const { declared, limit } = limitsOf(state, now);
  const text = (amount: bigint | null): string | null => (amount === null ? null : amountJson(budget.unit, amount));
  return {
    name: budget.name,
    unit: budget.unit,
    limit: text(limit),
    declared: text(declared),
    count: budget.count,
    window: windowText(budget.window),
    timezone: budget.timezone,
    per: [...budget.per],
    match: { ...budget.match },
    mode: budget.mode,
  };
}

/** The budget of a name. Throws `not_found` naming those that exist. */
export function findBudget(needs: DeskNeeds, name: string): BudgetState {
  const { budgets } = needs.ledger.state();
  const found = budgets.get(name);
  if (found !== undefined && !found.removed) return found;
  const names = [...budgets.values()].filter((one) => !one.removed).map((one) => one.budget.name);
  const known = names.length === 0 ? "None is declared." : `Known: ${names.slice(0, 10).join(", ")}.`;
  throw new BursarError("not_found", `There is no budget "${name}". ${known}`, { budget: name });
}

const listOutput = z.object({
  budgets: z.array(budgetSchema.extend({ accounts: z.number(), fullest: accountSchema.nullable() })),
});

/** `budget list`: every budget with its fullest open account. */
export const budgetList = defineCommand({
  name: "budget list",
  summary: "Every budget, its limit and its fullest account",
  permission: "read",
  method: "GET",
  path: "/budgets",
  input: z.strictObject({}),
  output: listOutput,
  changes: false,
  async run(needs) {
    const state = needs.ledger.state();
    const now = needs.clock.now();
    const open = openAccounts(state, now);
    const budgets = [...state.budgets.values()].filter((one) => !one.removed);
    return {
      budgets: budgets.map((budget) => {
        const own = open.filter((one) => one.view.budget === budget.budget.name).map((one) => accountJson(one.view));
        const fullest = own.sort((one, other) => (other.percent ?? -1) - (one.percent ?? -1))[0] ?? null;
        const whole = wholeAccount(state, budget, now);
        return {
          ...budgetJson(budget, now),
          accounts: own.length,
          fullest: fullest ?? (whole === null ? null : accountJson(whole)),
        };
      }),
    };
  },
  show: ({ budgets }) => [
    {
      columns: [
        left("Budget"),
        left("Per"),
        left("Window"),
        left("Mode"),
        right("Limit"),
        right("Accounts"),
        right("Fullest %"),
        left("Fullest"),
      ],
      rows: budgets.map((one) => [
        one.name,
        one.per.join(", ") || "all",
        one.window,
        one.mode,
        shownAmount(one.unit, one.limit),
        String(one.accounts),
        one.fullest?.percent?.toFixed(1) ?? "",
        one.fullest?.group.join(", ") ?? "",
      ]),
      empty: "No budget is declared: nothing is limited. Add budgets: to bursar.yaml.",
    },
  ],
  cli: { positional: [], aliases: ["budgets"], example: "bursar budget list" },
});

const raiseSchema = z.object({
  amount: amountSchema.describe("negative lowers"),
  at: instantSchema,
  until: instantSchema.nullable(),
  actor: z.string(),
  reason: z.string(),
  in_force: z.boolean(),
});

const showOutput = budgetSchema.extend({
  raises: z.array(raiseSchema),
  from: z.record(z.string(), z.string()).describe("where each value comes from"),
  accounts: z.array(accountSchema),
  accounts_total: z.number(),
});

/** Where the values of a budget come from: its declaration, and dated entries on top. */
function originOf(budget: BudgetState, needs: DeskNeeds): Record<string, string> {
  const file = needs.server().config_path ?? "built in (no configuration file)";
  const inForce = limitsOf(budget, needs.clock.now()).raises;
  const last = inForce.at(-1);
  const raised =
    last === undefined ? "" : ` and ${inForce.length} dated change${inForce.length === 1 ? "" : "s"}, the last by ${last.actor}`;
  return { declared: file, limit: `${file}${raised}`, window: file, mode: file, per: file, match: file };
}

function raisesOf(budget: BudgetState, unit: Unit, now: number): z.output<typeof raiseSchema>[] {
  return budget.raises.map((raise) => ({
    amount: amountJson(unit, raise.amount),
    at: instantJson(raise.at),
    until: raise.until === null ? null : instantJson(raise.until),
    actor: raise.actor,
    reason: raise.reason,
    in_force: raise.until === null || raise.until > now,
  }));
}

/** `budget show`: one budget with its raises, its open accounts and where each value comes from. */
export const budgetShow = defineCommand({
  name: "budget show",
  summary: "One budget: limit, raises, where each value comes from, and its accounts",
  permission: "read",
  method: "GET",
  path: "/budgets/:name",
  input: z.strictObject({
    name: z.string().describe("name of the budget"),
    limit: z.coerce.number().int().min(1).max(1000).default(100).describe("accounts shown at most, fullest first"),
  }),
  output: showOutput,
  changes: false,
  async run(needs, { name, limit }) {
    const budget = findBudget(needs, name);
    const state = needs.ledger.state();
    const now = needs.clock.now();
    const own = openAccounts(state, now).filter((one) => one.view.budget === name);
    const views = own.map((one) => accountJson(one.view));
    const whole = views.length === 0 ? wholeAccount(state, budget, now) : null;
    if (whole !== null) views.push(accountJson(whole));
    views.sort((one, other) => (other.percent ?? -1) - (one.percent ?? -1));
    return {
      ...budgetJson(budget, now),
      raises: raisesOf(budget, budget.budget.unit, now),
      from: originOf(budget, needs),
      accounts: views.slice(0, limit),
      accounts_total: views.length,
    };
  },
  show: (one) => [
    `${one.name}: ${shownAmount(one.unit, one.limit)} ${one.mode} per ${one.window}${one.per.length > 0 ? ` and ${one.per.join(", ")}` : ""} (declared ${shownAmount(one.unit, one.declared)}, from ${one.from.limit ?? ""}).`,
    {
      title: "Changes of the limit",
      columns: [right("Amount"), left("Since"), left("Until"), left("By"), left("Reason"), left("In force")],
      rows: one.raises.map((raise) => [
        shownAmount(one.unit, raise.amount),
        raise.at,
        raise.until ?? "for good",
        raise.actor,
        raise.reason,
        raise.in_force ? "yes" : "ended",
      ]),
      empty: "The limit was never raised or lowered.",
    },
    {
      title: "Accounts",
      columns: ACCOUNT_COLUMNS,
      rows: one.accounts.map(accountRow),
      empty: "No call has spent from it in this window.",
    },
    ...(one.accounts_total > one.accounts.length
      ? [`${one.accounts_total - one.accounts.length} more: --limit shows them.`]
      : []),
  ],
  cli: { positional: ["name"], example: "bursar budget show local-day" },
});

/** `account list`: open accounts over all budgets, fullest first. */
export const accountList = defineCommand({
  name: "account list",
  summary: "Open accounts of all budgets, fullest first",
  permission: "read",
  method: "GET",
  path: "/accounts",
  input: z.strictObject({
    budget: z.string().optional().describe("only this budget"),
    group: z.string().optional().describe("only accounts with this value in their group, e.g. an agent"),
    limit: z.coerce.number().int().min(1).max(10_000).default(100).describe("accounts shown at most"),
  }),
  output: z.object({ accounts: z.array(accountSchema), total: z.number() }),
  changes: false,
  async run(needs, { budget, group, limit }) {
    if (budget !== undefined) findBudget(needs, budget);
    const open = openAccounts(needs.ledger.state(), needs.clock.now());
    const wanted = open.filter(
      ({ view }) => (budget === undefined || view.budget === budget) && (group === undefined || view.group.includes(group)),
    );
    const accounts = wanted.map((one) => accountJson(one.view)).sort((one, other) => (other.percent ?? -1) - (one.percent ?? -1));
    return { accounts: accounts.slice(0, limit), total: accounts.length };
  },
  show: ({ accounts, total }) => [
    {
      columns: ACCOUNT_COLUMNS,
      rows: accounts.map(accountRow),
      empty: "No account is open: no call has been made in these windows.",
    },
    ...(total > accounts.length ? [`${total - accounts.length} more: --limit shows them.`] : []),
  ],
  cli: { positional: [], aliases: ["accounts"], example: "bursar account list --group support-bot" },
});
