import { z } from "zod";
import { amountArgument } from "../accounting/budget/refusal-text.js";
import { BursarError } from "../accounting/errors.js";
import type { Entry, HeldEntry, PostedEntry, RefusedEntry } from "../accounting/ledger/entry.js";
import type { State } from "../accounting/ledger/state.js";
import { viewOf } from "../accounting/ledger/view.js";
import { inputTokens, outputTokens } from "../accounting/meter/usage.js";
import { costLines } from "../accounting/price/cost.js";
import { usdText } from "../accounting/units/money.js";
import {
  ACCOUNT_COLUMNS,
  accountJson,
  accountRow,
  accountSchema,
  amountJson,
  amountSchema,
  shownAmount,
  shownUsd,
  usdSchema,
} from "./amount.js";
import { type CallRecord, foldCall } from "./call-record.js";
import { callJson, callStateSchema } from "./calls.js";
import { defineCommand } from "./command.js";
import { explainSentence } from "./explain-sentence.js";
import { type AttemptJson, attemptSchema, type lineSchema, type RefusalJson, refusalSchema } from "./explained.js";
import type { DeskNeeds } from "./needs.js";
import { factorText, priceJson, unitPriceText } from "./prices.js";
import { type Block, left, right } from "./shown.js";

const output = z.object({
  call_id: z.string(),
  sentence: z.string().describe("the whole in plain words"),
  state: callStateSchema,
  agent: z.string(),
  attribution: z.record(z.string(), z.unknown()),
  simulated: z.boolean(),
  cost_usd: usdSchema.nullable(),
  attempts: z.array(attemptSchema),
  refusal: refusalSchema.nullable(),
  accounts: z
    .array(accountSchema.extend({ amount: amountSchema.describe("of this call: posted, else held") }))
    .describe("as they stand now"),
  entries: z.array(z.record(z.string(), z.unknown())).describe("every log entry of the call, in order"),
});

type Explained = z.output<typeof output>;

/** Pico-dollars as exact dollar text: more decimals than nano-dollars have, where there are any. */
function picoText(pico: bigint): string {
  const whole = String(pico / 1_000_000_000_000n);
  const fraction = String(pico % 1_000_000_000_000n)
    .padStart(12, "0")
    .replace(/0+$/, "");
  return `${whole}.${fraction.padEnd(2, "0")}`;
}

function linesOf(needs: DeskNeeds, posted: PostedEntry): z.output<typeof lineSchema>[] {
  const row = posted.price_id === null ? null : needs.prices.byId(posted.price_id);
  if (row === null || posted.evidence === "presumed") return [];
  return costLines(posted.usage, row, posted.service_tier).map((line) => ({
    class: line.class,
    units: line.units,
    usd_per_million: unitPriceText(line.class, line.pico),
    factor: factorText(line.factor),
    usd: picoText((BigInt(line.units) * line.pico * line.factor[0]) / line.factor[1]),
  }));
}

function blank(attemptId: string, model: string): AttemptJson {
  return {
    attempt_id: attemptId,
    state: "refused",
    provider: null,
    model,
    price: null,
    ceiling_usd: usdText(0n),
    extensions: 0,
    estimated_input: null,
    actual_input: null,
    actual_output: null,
    cost_usd: null,
    cost_of_ceiling_percent: null,
    cost_lines: [],
    usage: null,
    evidence: null,
    outcome: null,
    flags: [],
    overrun: null,
    why: null,
  };
}

function postedFields(needs: DeskNeeds, entry: PostedEntry, ceiling: bigint): Partial<AttemptJson> {
  const nano = BigInt(entry.nano);
  const row = entry.price_id === null ? null : needs.prices.byId(entry.price_id);
  return {
    state: "posted",
    model: entry.model,
    price: row === null ? null : priceJson(row),
    actual_input: inputTokens(entry.usage),
    actual_output: outputTokens(entry.usage),
    cost_usd: usdText(nano),
    cost_of_ceiling_percent: ceiling === 0n ? null : Number((nano * 1000n) / ceiling) / 10,
    cost_lines: linesOf(needs, entry),
    usage: { ...entry.usage },
    evidence: entry.evidence,
    outcome: entry.outcome,
    flags: [...(entry.flags ?? [])],
  };
}

function heldFields(needs: DeskNeeds, entry: HeldEntry): Partial<AttemptJson> {
  const row = entry.price_id === null ? null : needs.prices.byId(entry.price_id);
  return {
    state: "pending",
    provider: entry.provider,
    price: row === null ? null : priceJson(row),
    estimated_input: entry.estimated_input,
  };
}

/** Folds the entries of a call into its attempts, in order. */
function attemptsOf(needs: DeskNeeds, entries: readonly Entry[]): AttemptJson[] {
  const attempts = new Map<string, AttemptJson>();
  const ceilings = new Map<string, bigint>();
  for (const entry of entries) {
    if (!("attempt_id" in entry)) continue;
    const id = entry.attempt_id;
    const model = "attribution" in entry ? entry.attribution.model : "";
    const known = attempts.get(id) ?? blank(id, model);
    if ("ceiling" in entry) ceilings.set(id, (ceilings.get(id) ?? 0n) + BigInt(entry.ceiling.nano));
    const ceiling = ceilings.get(id) ?? 0n;
    attempts.set(id, { ...known, ceiling_usd: usdText(ceiling), ...fieldsOf(needs, entry, { known, ceiling }) });
  }
  return [...attempts.values()];
}

function fieldsOf(needs: DeskNeeds, entry: Entry, of: { known: AttemptJson; ceiling: bigint }): Partial<AttemptJson> {
  switch (entry.type) {
    case "call.held":
      return heldFields(needs, entry);
    case "call.extended":
      return { extensions: of.known.extensions + 1 };
    case "call.posted":
      return postedFields(needs, entry, of.ceiling);
    case "call.overrun":
      return { overrun: { cause: entry.cause, usd: usdText(BigInt(entry.nano)) } };
    case "call.voided":
      return { state: "voided", why: entry.proof };
    case "call.presumed":
      return { state: "presumed", why: entry.reason };
    case "call.refused":
      return { state: "refused", why: entry.code };
    case "budget.changed":
      return {};
  }
}

function refusalJson(state: State, entry: RefusedEntry): RefusalJson {
  const budget = entry.budget === undefined ? undefined : state.budgets.get(entry.budget);
  // The entry's own account tells its unit; a budget declared anew may count something else by now.
  const unit = (entry.account === undefined ? undefined : state.accounts.get(entry.account)?.unit) ?? budget?.budget.unit ?? null;
  const text = (amount: string | undefined): string | null =>
    amount === undefined || unit === null ? null : amountJson(unit, BigInt(amount));
  let lift: string | null = null;
  if (entry.code === "budget_exceeded" && unit !== null && entry.limit !== undefined) {
    const missing = BigInt(entry.used ?? 0) + BigInt(entry.held ?? 0) + BigInt(entry.requested ?? 0) - BigInt(entry.limit);
    lift = `bursar budget raise ${entry.budget} ${amountArgument(unit, missing)}`;
  }
  return {
    code: entry.code,
    message: entry.message,
    budget: entry.budget ?? null,
    unit,
    limit: text(entry.limit),
    used: text(entry.used),
    held: text(entry.held),
    requested: text(entry.requested),
    lift,
  };
}

/** Accounts of the call as they stand now, with what this call put on each: what was posted, else what is held. */
function accountsOf(needs: DeskNeeds, entries: readonly Entry[]): Explained["accounts"] {
  const state = needs.ledger.state();
  const now = needs.clock.now();
  const perAttempt = new Map<string, Map<string, bigint>>();
  for (const entry of entries) {
    if (entry.type === "call.voided") perAttempt.set(entry.attempt_id, new Map());
    if (entry.type !== "call.held" && entry.type !== "call.extended" && entry.type !== "call.posted") continue;
    const settled = entry.type === "call.posted";
    const amounts = settled ? new Map<string, bigint>() : (perAttempt.get(entry.attempt_id) ?? new Map<string, bigint>());
    for (const posting of entry.postings)
      amounts.set(posting.account, (amounts.get(posting.account) ?? 0n) + BigInt(posting.amount));
    perAttempt.set(entry.attempt_id, amounts);
  }
  const total = new Map<string, bigint>();
  for (const amounts of perAttempt.values()) for (const [id, amount] of amounts) total.set(id, (total.get(id) ?? 0n) + amount);
  const shown: Explained["accounts"] = [];
  for (const [id, amount] of total) {
    const account = state.accounts.get(id);
    const budget = account === undefined ? undefined : state.budgets.get(account.budget);
    // A window closed long ago is no longer in memory; its entries below still tell its amounts.
    if (account === undefined || budget === undefined) continue;
    const view = viewOf(state, { budget, opening: account, account }, now);
    shown.push({ ...accountJson({ ...view, unit: account.unit }), amount: amountJson(account.unit, amount) });
  }
  return shown;
}

async function run(needs: DeskNeeds, { call_id }: { call_id: string }): Promise<Explained> {
  const entries = await needs.ledger.readCall(call_id);
  let record: CallRecord | null = null;
  for (const entry of entries) record = foldCall(record ?? undefined, entry) ?? record;
  if (record === null)
    throw new BursarError("not_found", `There is no call "${call_id}". bursar call list shows the last ones.`, { call_id });
  const call = callJson(record);
  const attempts = attemptsOf(needs, entries);
  const refused = entries.findLast((entry) => entry.type === "call.refused");
  const refusal = refused === undefined ? null : refusalJson(needs.ledger.state(), refused);
  return {
    call_id,
    sentence: explainSentence({ call, attempts, refusal }),
    state: call.state,
    agent: call.agent,
    attribution: { ...record.attribution },
    simulated: call.simulated,
    cost_usd: call.cost_usd,
    attempts,
    refusal,
    accounts: accountsOf(needs, entries),
    entries: entries.map((entry) => ({ ...entry })),
  };
}

function attemptBlocks(attempt: AttemptJson): readonly Block[] {
  const price = attempt.price === null ? "no price known" : attempt.price.id;
  const lines: Block[] = [`Attempt ${attempt.attempt_id}: ${attempt.state}, held ${shownUsd(attempt.ceiling_usd)}, ${price}.`];
  if (attempt.cost_lines.length > 0) {
    const rows = attempt.cost_lines.map((line) => [line.class, String(line.units), line.usd_per_million, line.factor, line.usd]);
    lines.push({ columns: [left("Class"), right("Units"), right("USD per million"), right("×"), right("USD")], rows });
  }
  return lines;
}

function show(explained: Explained): readonly Block[] {
  const lift = explained.refusal?.lift;
  return [
    explained.sentence,
    ...(lift === null || lift === undefined ? [] : [`To let such a call through: ${lift}`]),
    ...explained.attempts.flatMap(attemptBlocks),
    {
      title: "Accounts, as they stand now",
      columns: [...ACCOUNT_COLUMNS, right("This call")],
      rows: explained.accounts.map((account) => [...accountRow(account), shownAmount(account.unit, account.amount)]),
      empty: "It put nothing on any account.",
    },
    {
      title: "Entries",
      columns: [right("Entry"), left("At"), left("What")],
      rows: explained.entries.map((entry) => [String(entry.seq), new Date(Number(entry.at)).toISOString(), String(entry.type)]),
    },
  ];
}

/** `call explain`: why a call was admitted, refused or charged: every entry, account, price and figure. */
export const callExplain = defineCommand({
  name: "call explain",
  summary: "Why a call was refused or what it was charged: entries, accounts, price row, estimate against actual",
  permission: "read",
  method: "GET",
  path: "/explain/:call_id",
  input: z.strictObject({ call_id: z.string().min(1).max(256).describe("id of the call, as in x-bursar-call-id") }),
  output,
  changes: false,
  run,
  show,
  cli: { positional: ["call_id"], aliases: ["explain"], example: "bursar call explain call_0mb3x9k2f" },
});
