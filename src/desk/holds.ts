/** Money set aside, and settling by hand what nobody knows. Money path: fails closed — a call in flight is never resolved by hand. */
import { z } from "zod";
import { BursarError } from "../accounting/errors.js";
import type { LedgerCommand } from "../accounting/ledger/command.js";
import type { Hold } from "../accounting/ledger/state.js";
import { parseUsd, usdText } from "../accounting/units/money.js";
import { amountJson, amountSchema, instantJson, instantSchema, shownAmount, shownUsd, unitSchema, usdSchema } from "./amount.js";
import { type Actor, defineCommand } from "./command.js";
import type { DeskNeeds } from "./needs.js";
import { left, right, spanText } from "./shown.js";

const holdSchema = z.object({
  attempt_id: z.string(),
  call_id: z.string(),
  state: z.enum(["pending", "presumed"]),
  presumed_reason: z.string().nullable(),
  since: instantSchema,
  age_seconds: z.number(),
  agent: z.string(),
  task: z.string().nullable(),
  key: z.string(),
  model: z.string(),
  provider: z.string(),
  held_usd: usdSchema,
  accounts: z.array(
    z.object({ account: z.string(), budget: z.string().nullable(), unit: unitSchema.nullable(), held: amountSchema }),
  ),
  simulated: z.boolean(),
  resolve: z.string().nullable().describe("the command that settles it by hand; null while the call is in flight"),
});

function holdJson(hold: Hold, now: number): z.output<typeof holdSchema> {
  const { attribution } = hold;
  return {
    attempt_id: hold.attempt_id,
    call_id: hold.call_id,
    state: hold.state,
    presumed_reason: hold.presumed_reason,
    since: instantJson(hold.at),
    age_seconds: Math.max(0, Math.floor((now - hold.at) / 1000)),
    agent: attribution.agent,
    task: attribution.task ?? null,
    key: attribution.key,
    model: attribution.model,
    provider: hold.provider,
    held_usd: usdText(hold.ceiling.nano),
    accounts: hold.accounts.map(({ id, budget, unit }, index) => {
      return { account: id, budget, unit, held: amountJson(unit, hold.amounts[index] ?? 0n) };
    }),
    simulated: hold.simulated,
    resolve: hold.state === "presumed" ? `bursar hold resolve ${hold.attempt_id} --void --reason "…"` : null,
  };
}

/** `hold list`: everything that is set aside, oldest first. */
export const holdList = defineCommand({
  name: "hold list",
  summary: "Money set aside: calls in flight, and those whose outcome nobody knows",
  permission: "read",
  method: "GET",
  path: "/holds",
  input: z.strictObject({
    state: z.enum(["pending", "presumed"]).optional().describe("only pending or only presumed ones"),
    budget: z.string().optional().describe("only those on this budget"),
    agent: z.string().optional().describe("only this agent's"),
    limit: z.coerce.number().int().min(1).max(10_000).default(100).describe("holds shown at most, oldest first"),
  }),
  output: z.object({ holds: z.array(holdSchema), total: z.number(), held_usd: usdSchema.describe("of all of them") }),
  changes: false,
  async run(needs, query) {
    const state = needs.ledger.state();
    const now = needs.clock.now();
    const onBudget = (hold: Hold): boolean =>
      query.budget === undefined || hold.accounts.some((account) => account.budget === query.budget);
    const wanted = [...state.holds.values()].filter(
      (hold) =>
        (query.state === undefined || hold.state === query.state) &&
        (query.agent === undefined || hold.attribution.agent === query.agent) &&
        onBudget(hold),
    );
    let nano = 0n;
    for (const hold of wanted) nano += hold.ceiling.nano;
    const holds = wanted.slice(0, query.limit).map((hold) => holdJson(hold, now));
    return { holds, total: wanted.length, held_usd: usdText(nano) };
  },
  show: ({ holds, total, held_usd }) => [
    {
      columns: [
        left("Attempt"),
        left("State"),
        left("Why"),
        right("Age"),
        left("Agent"),
        left("Model"),
        right("Held (USD)"),
        left("Budgets"),
      ],
      rows: holds.map((hold) => [
        hold.attempt_id,
        hold.state,
        hold.presumed_reason ?? "in flight",
        spanText(hold.age_seconds * 1000),
        hold.agent,
        hold.model,
        shownUsd(hold.held_usd),
        hold.accounts
          .map((one) => `${one.budget ?? one.account} ${one.unit === null ? one.held : shownAmount(one.unit, one.held)}`)
          .join(", "),
      ]),
      empty: "Nothing is held.",
    },
    ...(total > 0 ? [`${total} held, ${shownUsd(held_usd)} in all.`] : []),
    ...(holds.some((hold) => hold.state === "presumed")
      ? ["Settle a presumed one: bursar hold resolve ATTEMPT --void or --post USD, with --reason."]
      : []),
  ],
  cli: { positional: [], aliases: ["holds"], example: "bursar hold list --state presumed" },
});

const resolveInput = z.strictObject({
  attempt_id: z.string().describe("attempt, as hold list shows it"),
  void: z.boolean().default(false).describe("nothing was billed: give it all back"),
  post: z.string().optional().describe("it was billed: what it cost in US dollars"),
  input_tokens: z.coerce
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe("with --post: input tokens, default what was held for"),
  output_tokens: z.coerce
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe("with --post: output tokens, default what was held for"),
  reason: z.string().trim().min(1).max(1000).describe("how you know; kept with the entry"),
});

/** The hold, if it may be settled by hand. Throws `not_found` and `conflict`. */
function resolvable(needs: DeskNeeds, attemptId: string): Hold | null {
  const state = needs.ledger.state();
  const hold = state.holds.get(attemptId);
  if (hold === undefined) {
    // Settled before: the ledger tells the same outcome (a no-op) from another (a conflict).
    if (state.resolutions.has(attemptId)) return null;
    throw new BursarError("not_found", `No attempt ${attemptId} is held. bursar hold list shows what is.`, {
      attempt_id: attemptId,
    });
  }
  if (hold.state === "pending") {
    throw new BursarError(
      "conflict",
      `Attempt ${attemptId} is in flight and settles itself; if its owner is silent for 60 s it becomes presumed and can be resolved then.`,
      { attempt_id: attemptId },
    );
  }
  return hold;
}

function commandOf(needs: DeskNeeds, asked: z.output<typeof resolveInput>, actor: string): LedgerCommand {
  const { attempt_id, reason } = asked;
  if (asked.void === (asked.post !== undefined)) {
    throw new BursarError("invalid_request", "Say one of the two: --void (nothing was billed) or --post USD (what it cost).");
  }
  const hold = resolvable(needs, attempt_id);
  if (asked.post === undefined) return { type: "void", attempt_id, proof: "resolved", actor, reason };
  // Unknown tokens are not 0 tokens: without better knowledge they are those the money was held for.
  const input = asked.input_tokens ?? hold?.ceiling.input_tokens;
  const output = asked.output_tokens ?? hold?.ceiling.output_tokens;
  const counts = {
    ...(input === undefined ? {} : { input_fresh: input }),
    ...(output === undefined ? {} : { output_text: output }),
    requests: 1,
  };
  const usage = { counts, evidence: "presumed" as const };
  return { type: "post", attempt_id, usage, nano: parseUsd(asked.post), outcome: "resolved", actor, reason };
}

async function resolve(needs: DeskNeeds, asked: z.output<typeof resolveInput>, actor: Actor) {
  const [result] = await needs.ledger.apply([commandOf(needs, asked, actor.name)]);
  if (result === undefined) throw new BursarError("internal", "The ledger gave no answer to a resolution.");
  if (!result.ok) throw new BursarError(result.refusal.code, result.refusal.message);
  const cost = asked.post === undefined ? null : usdText(parseUsd(asked.post));
  return {
    attempt_id: asked.attempt_id,
    state: cost === null ? ("voided" as const) : ("posted" as const),
    cost_usd: cost,
    changed: result.changed,
  };
}

/** `hold resolve`: settles a presumed hold by hand, once. */
export const holdResolve = defineCommand({
  name: "hold resolve",
  summary: "Settle a presumed hold by hand: give it back, or post what it cost",
  permission: "write",
  method: "POST",
  path: "/holds/:attempt_id/resolve",
  input: resolveInput,
  output: z.object({
    attempt_id: z.string(),
    state: z.enum(["voided", "posted"]),
    cost_usd: usdSchema.nullable(),
    changed: z.boolean().describe("false when it had been settled the same way before"),
  }),
  changes: true,
  preview(needs, asked) {
    commandOf(needs, asked, "preview");
    const hold = needs.ledger.state().holds.get(asked.attempt_id);
    const held = shownUsd(usdText(hold?.ceiling.nano ?? 0n));
    const what = asked.post === undefined ? "given back" : `posted at ${shownUsd(usdText(parseUsd(asked.post)))}`;
    return `Attempt ${asked.attempt_id}, held at ${held}, would be ${what}.`;
  },
  run: resolve,
  show: (done) => [
    done.changed
      ? `Attempt ${done.attempt_id} is ${done.state}${done.cost_usd === null ? "; its hold is given back" : ` at ${shownUsd(done.cost_usd)}`}.`
      : `Attempt ${done.attempt_id} was ${done.state} before; nothing changed.`,
  ],
  cli: {
    positional: ["attempt_id"],
    example: 'bursar hold resolve call_8f2c.1 --post 0.0042 --reason "seen on the provider\'s bill"',
  },
});
