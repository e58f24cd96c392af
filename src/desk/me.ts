import { z } from "zod";
import { openMemo, pathOf } from "../accounting/budget/accounts.js";
import type { Attribution } from "../accounting/budget/budget.js";
import { BursarError } from "../accounting/errors.js";
import { viewOf } from "../accounting/ledger/view.js";
import { openWindows } from "../accounting/units/window.js";
import type { KeyIdentity } from "../call/identify.js";
import { ACCOUNT_COLUMNS, accountJson, accountRow, accountSchema, instantJson, instantSchema } from "./amount.js";
import { defineCommand } from "./command.js";
import type { DeskNeeds } from "./needs.js";
import { canonicalModel } from "./prices.js";

const input = z.strictObject({
  agent: z.string().optional().describe("as which agent, where the key may say so"),
  task: z.string().optional().describe("in which task, where the key may say so"),
  user: z.string().optional().describe("for which user, where the key may say so"),
  model: z.string().optional().describe("also budgets of this model"),
});

/** Who a call with this key would be. Claims of a key that is not trusted for them are refused, not ignored: this shows amounts. */
function attributionOf(needs: DeskNeeds, key: KeyIdentity, claims: z.output<typeof input>): Attribution {
  const claimed = (["agent", "task", "user"] as const).find(
    (name) => claims[name] !== undefined && claims[name] !== key[name as "agent"],
  );
  if (claimed !== undefined && !key.trusts_attribution) {
    throw new BursarError("forbidden", `The key "${key.name}" may not speak for another ${claimed}.`);
  }
  const agent = key.agent ?? claims.agent ?? "unattributed";
  const user = key.user ?? claims.user;
  return {
    key: key.name,
    agent,
    ...(key.team === undefined ? {} : { team: key.team }),
    ...(user === undefined ? {} : { user }),
    ...(claims.task === undefined ? {} : { task: claims.task }),
    model: claims.model === undefined ? "" : canonicalModel(needs, claims.model),
  };
}

/** `me`: what the holder of a data-plane key may still spend, and from which budgets. Never another's amounts. */
export const me = defineCommand({
  name: "me",
  summary: "With a data-plane key: the budgets its calls spend from, and what they leave",
  permission: "self",
  method: "GET",
  path: "/me",
  input,
  output: z.object({
    key: z.string(),
    agent: z.string(),
    team: z.string().nullable(),
    user: z.string().nullable(),
    models: z.array(z.string()).nullable().describe("models the key may use; null allows all"),
    at: instantSchema,
    budgets: z.array(accountSchema),
    tightest: accountSchema.nullable(),
  }),
  changes: false,
  async run(needs, claims, actor) {
    const { key } = actor;
    if (key === null) throw new BursarError("unauthorized", "Send a data-plane key.");
    const now = needs.clock.now();
    const state = needs.ledger.state();
    const call = attributionOf(needs, key, claims);
    const path = pathOf(state, call, now, openMemo(openWindows()));
    // A budget split by model says nothing before a model is named.
    const told = path.filter((step) => call.model !== "" || !step.budget.budget.per.includes("model"));
    const budgets = told.map((step) => accountJson(viewOf(state, step, now)));
    const tightest = [...budgets].sort((one, other) => (other.percent ?? -1) - (one.percent ?? -1))[0] ?? null;
    return {
      key: key.name,
      agent: call.agent,
      team: call.team ?? null,
      user: call.user ?? null,
      models: key.models === undefined ? null : [...key.models],
      at: instantJson(now),
      budgets,
      tightest,
    };
  },
  show: (self) => [
    `Key "${self.key}" as agent ${self.agent}.`,
    { columns: ACCOUNT_COLUMNS, rows: self.budgets.map(accountRow), empty: "No budget covers these calls: nothing is limited." },
  ],
  cli: { positional: [], example: "bursar me --key sk-my-key" },
});
