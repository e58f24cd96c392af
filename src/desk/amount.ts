import { z } from "zod";
import type { Unit } from "../accounting/budget/budget.js";
import { amountText } from "../accounting/budget/refusal-text.js";
import { BursarError } from "../accounting/errors.js";
import type { AccountView } from "../accounting/ledger/command.js";
import { parseCount } from "../accounting/units/amount.js";
import { parseUsd, usdText } from "../accounting/units/money.js";
import { type Column, left, right } from "./shown.js";

/** Decimal text in the unit of its budget: dollars (`"1.5"` never a float), tokens or requests. */
export const amountSchema = z.string().describe("decimal text in the budget's unit");

/** Dollars as decimal text. */
export const usdSchema = z.string().describe("US dollars as decimal text");

/** An instant as ISO 8601 text in UTC. */
export const instantSchema = z.string().describe("ISO 8601, UTC");

/** Unit of a budget. */
export const unitSchema = z.enum(["tokens", "usd", "requests"]);

/** An amount as JSON has it: dollars as decimal text, counts as whole-number text. */
export function amountJson(unit: Unit, amount: bigint): string {
  if (unit !== "usd") return String(amount);
  return amount < 0n ? `-${usdText(-amount)}` : usdText(amount);
}

/** Epoch ms as ISO text. */
export function instantJson(at: number): string {
  return new Date(at).toISOString();
}

/** Reads an amount as people write it in a unit: `10`, `0.60` dollars; `2M`, `200k` tokens. A leading minus lowers. */
export function readAmount(unit: Unit, text: string): bigint {
  const trimmed = text.trim();
  const negative = trimmed.startsWith("-");
  const digits = negative ? trimmed.slice(1) : trimmed;
  const amount = unit === "usd" ? parseUsd(digits.startsWith("$") ? digits.slice(1) : digits) : parseCount(digits);
  if (amount === 0n) throw new BursarError("invalid_request", "An amount of 0 changes nothing; give the difference you want.");
  return negative ? -amount : amount;
}

/** One account, as every command shows it. `percent` is used and held of the limit; all null without a limit. */
export const accountSchema = z.object({
  account: z.string().describe("id: budget, unit, window kind, group and window"),
  name: z.string().describe("the budget"),
  group: z.array(z.string()),
  unit: unitSchema,
  mode: z.enum(["hard", "soft", "shadow"]),
  limit: amountSchema.nullable(),
  used: amountSchema,
  held: amountSchema,
  left: amountSchema.nullable(),
  percent: z.number().nullable().describe("used and held, in percent of the limit, one decimal"),
  resets_at: instantSchema.nullable(),
});

/** See `accountSchema`. */
export type AccountJson = z.output<typeof accountSchema>;

/** Share of a limit in percent with one decimal; null without a limit. A limit of 0 is full. */
export function percentOf(part: bigint, limit: bigint | null): number | null {
  if (limit === null) return null;
  if (limit === 0n) return 100;
  return Number((part * 1000n) / limit) / 10;
}

/** An account of the ledger as JSON. */
export function accountJson(view: AccountView): AccountJson {
  const { unit } = view;
  return {
    account: view.id,
    name: view.budget,
    group: [...view.group],
    unit,
    mode: view.mode,
    limit: view.limit === null ? null : amountJson(unit, view.limit),
    used: amountJson(unit, view.used),
    held: amountJson(unit, view.held),
    left: view.left === null ? null : amountJson(unit, view.left),
    percent: percentOf(view.used + view.held, view.limit),
    resets_at: view.resets_at === null ? null : instantJson(view.resets_at),
  };
}

/** An amount of JSON as a person reads it: `$300.00`, `2.1M tokens`. */
export function shownAmount(unit: Unit, amount: string | null): string {
  if (amount === null) return "unlimited";
  if (amount.startsWith("-")) return `-${shownAmount(unit, amount.slice(1))}`;
  return amountText(unit, unit === "usd" ? parseUsd(amount) : BigInt(amount));
}

/** Dollars of JSON as a person reads them. */
export function shownUsd(amount: string): string {
  return shownAmount("usd", amount);
}

/** Columns that `accountRow` fills. */
export const ACCOUNT_COLUMNS: readonly Column[] = [
  left("Budget"),
  left("Group"),
  right("Limit"),
  right("Used"),
  right("Held"),
  right("Left"),
  right("%"),
  left("Resets"),
];

/** One account as cells of a table. */
export function accountRow(account: AccountJson): readonly string[] {
  const { unit } = account;
  return [
    account.name,
    account.group.join(", ") || "all",
    shownAmount(unit, account.limit),
    shownAmount(unit, account.used),
    shownAmount(unit, account.held),
    account.left === null ? "" : shownAmount(unit, account.left),
    account.percent === null ? "" : account.percent.toFixed(1),
    account.resets_at ?? "",
  ];
}
