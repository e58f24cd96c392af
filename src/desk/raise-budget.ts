/** Changes of a limit: dated entries with an author. Money path: fails closed — what the ledger does not confirm did not happen. */
import { z } from "zod";
import { limitAt } from "../accounting/budget/accounts.js";
import { BursarError } from "../accounting/errors.js";
import { amountJson, amountSchema, instantJson, instantSchema, readAmount, shownAmount, unitSchema } from "./amount.js";
import { findBudget } from "./budgets.js";
import { type Actor, type Command, defineCommand } from "./command.js";
import type { DeskNeeds } from "./needs.js";
import { readUntil } from "./until.js";

/** A JSON number is a float, which money never is. Undefined leaves anything else to the schema's own words. */
const writtenAsText = ({ input: given }: { readonly input?: unknown }): string | undefined =>
  typeof given === "number" ? `write it as text: "${given}"` : undefined;

const input = z.strictObject({
  name: z.string().describe("name of the budget"),
  amount: z
    .string({ error: writtenAsText })
    .describe("how much, in the budget's unit: 10 or 0.50 (dollars), 2M or 200k (tokens, requests)"),
  until: z.string().optional().describe("when it ends: 2h, 7d or an instant; without it, it stays"),
  reason: z.string().trim().min(1).max(1000).default("not given").describe("kept with the change"),
});

const output = z.object({
  budget: z.string(),
  unit: unitSchema,
  changed_by: amountSchema.describe("negative lowers"),
  limit_before: amountSchema,
  limit: amountSchema,
  until: instantSchema.nullable(),
});

interface Change {
  readonly amount: bigint;
  readonly until: number | null;
  readonly before: bigint;
  readonly after: bigint;
}

function changeOf(needs: DeskNeeds, asked: z.output<typeof input>, sign: 1n | -1n): Change {
  const found = findBudget(needs, asked.name);
  const { budget } = found;
  const now = needs.clock.now();
  const before = limitAt(found, now);
  if (before === null)
    throw new BursarError("invalid_request", `Budget "${asked.name}" has no limit, so there is nothing to change.`);
  if (sign === -1n && asked.amount.trim().startsWith("-")) {
    throw new BursarError("invalid_request", `Give the amount to lower by without a minus: ${asked.amount.trim().slice(1)}.`);
  }
  const amount = sign * readAmount(budget.unit, asked.amount);
  const until = asked.until === undefined ? null : readUntil(asked.until, now);
  const after = limitAt({ ...found, raises: [...found.raises, { amount, at: now, until, actor: "", reason: "" }] }, now) ?? 0n;
  return { amount, until, before, after };
}

function sentence(needs: DeskNeeds, asked: z.output<typeof input>, sign: 1n | -1n): string {
  const { unit } = findBudget(needs, asked.name).budget;
  const change = changeOf(needs, asked, sign);
  const end = change.until === null ? "for good" : `until ${instantJson(change.until)}`;
  const from = shownAmount(unit, amountJson(unit, change.before));
  return `Budget "${asked.name}" would go from ${from} to ${shownAmount(unit, amountJson(unit, change.after))} ${end}.`;
}

async function run(
  needs: DeskNeeds,
  asked: z.output<typeof input>,
  by: { actor: Actor; sign: 1n | -1n },
): Promise<z.output<typeof output>> {
  const { budget } = findBudget(needs, asked.name);
  const { amount, until, before } = changeOf(needs, asked, by.sign);
  const [result] = await needs.ledger.apply([
    { type: "raise", budget: asked.name, amount, until, actor: by.actor.name, reason: asked.reason },
  ]);
  if (result === undefined) throw new BursarError("internal", "The ledger gave no answer to a raise.");
  if (!result.ok) throw new BursarError(result.refusal.code, result.refusal.message);
  const limit = limitAt(findBudget(needs, asked.name), needs.clock.now()) ?? before;
  return {
    budget: asked.name,
    unit: budget.unit,
    changed_by: amountJson(budget.unit, amount),
    limit_before: amountJson(budget.unit, before),
    limit: amountJson(budget.unit, limit),
    until: until === null ? null : instantJson(until),
  };
}

function show(done: z.output<typeof output>): readonly string[] {
  const end = done.until === null ? "for good" : `until ${done.until}`;
  return [
    `Budget "${done.budget}" now allows ${shownAmount(done.unit, done.limit)} ${end} (before: ${shownAmount(done.unit, done.limit_before)}).`,
  ];
}

/** `budget raise`: more room, for good or until an instant. A negative amount lowers. */
export const budgetRaise: Command = defineCommand({
  name: "budget raise",
  summary: "Raise a budget's limit, for good or until an instant",
  permission: "write",
  method: "POST",
  path: "/budgets/:name/raise",
  input,
  output,
  changes: true,
  preview: (needs, asked) => sentence(needs, asked, 1n),
  run: (needs, asked, actor) => run(needs, asked, { actor, sign: 1n }),
  show,
  cli: { positional: ["name", "amount"], example: 'bursar budget raise local-day 5 --until 2h --reason "release day"' },
});

/** `budget lower`: less room; stops admissions at once, never cuts what is in flight. */
export const budgetLower: Command = defineCommand({
  name: "budget lower",
  summary: "Lower a budget's limit, for good or until an instant",
  permission: "write",
  method: "POST",
  path: "/budgets/:name/lower",
  input,
  output,
  changes: true,
  preview: (needs, asked) => sentence(needs, asked, -1n),
  run: (needs, asked, actor) => run(needs, asked, { actor, sign: -1n }),
  show,
  cli: { positional: ["name", "amount"], example: 'bursar budget lower local-day 2.50 --reason "quiet week"' },
});
