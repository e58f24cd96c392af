import { z } from "zod";
import { inputTokens, outputTokens, USAGE_CLASSES } from "../accounting/meter/usage.js";
import { usdText } from "../accounting/units/money.js";
import { instantJson, instantSchema, shownUsd, usdSchema } from "./amount.js";
import { type CallRecord, stateOf } from "./call-record.js";
import { defineCommand } from "./command.js";
import { left, right, spanText } from "./shown.js";

/** States a call can be in. */
export const callStateSchema = z.enum(["pending", "posted", "presumed", "refused", "voided"]);

/** Counts per usage class; an absent class is unknown. */
export const usageSchema = z.partialRecord(z.enum(USAGE_CLASSES), z.number());

const callSchema = z.object({
  call_id: z.string(),
  seq: z.number().describe("its first log entry"),
  state: callStateSchema,
  started_at: instantSchema,
  ended_at: instantSchema.nullable(),
  key: z.string(),
  agent: z.string(),
  task: z.string().nullable(),
  user: z.string().nullable(),
  model: z.string(),
  attempts: z.number(),
  cost_usd: usdSchema.nullable().describe("null until something is posted"),
  held_usd: usdSchema,
  usage: usageSchema,
  outcome: z.string().nullable(),
  refusal: z.object({ code: z.string(), message: z.string() }).nullable(),
  simulated: z.boolean(),
});

/** One call as lists show it. */
export type CallJson = z.output<typeof callSchema>;

/** A call as JSON. */
export function callJson(record: CallRecord): CallJson {
  const { attribution } = record;
  let held = 0n;
  for (const amount of record.held.values()) held += amount;
  return {
    call_id: record.call_id,
    seq: record.first_seq,
    state: stateOf(record),
    started_at: instantJson(record.started_at),
    ended_at: record.ended_at === null ? null : instantJson(record.ended_at),
    key: attribution.key,
    agent: attribution.agent,
    task: attribution.task ?? null,
    user: attribution.user ?? null,
    model: record.model,
    attempts: record.attempts.size,
    cost_usd: [...record.attempts.values()].includes("posted") ? usdText(record.nano) : null,
    held_usd: usdText(held),
    usage: { ...record.usage },
    outcome: record.outcome,
    refusal: record.refusal,
    simulated: record.simulated,
  };
}

function row(call: CallJson): readonly string[] {
  const took = call.ended_at === null ? "" : spanText(Date.parse(call.ended_at) - Date.parse(call.started_at));
  const cost = call.cost_usd === null ? "" : shownUsd(call.cost_usd);
  const state = call.refusal !== null && call.state === "refused" ? call.refusal.code : call.state;
  return [
    call.started_at,
    call.call_id,
    call.agent,
    call.model,
    state,
    String(inputTokens(call.usage)),
    String(outputTokens(call.usage)),
    cost,
    took,
  ];
}

/** `call list`: the last calls, newest first. */
export const callList = defineCommand({
  name: "call list",
  summary: "The last calls, newest first",
  permission: "read",
  method: "GET",
  path: "/calls",
  input: z.strictObject({
    agent: z.string().optional().describe("only this agent's"),
    task: z.string().optional().describe("only this task's"),
    model: z.string().optional().describe("only this model's, with or without its provider"),
    state: callStateSchema.optional().describe("only those that stand like this: pending, posted, presumed, refused or voided"),
    before: z.coerce.number().int().min(1).optional().describe("the `next` of the page before"),
    limit: z.coerce.number().int().min(1).max(500).default(20).describe("calls per page"),
  }),
  output: z.object({
    calls: z.array(callSchema),
    next: z.number().nullable().describe("`before` of the next page; null at the beginning of the log"),
  }),
  changes: false,
  async run(needs, query) {
    const page = await needs.calls.list(query);
    return { calls: page.calls.map(callJson), next: page.next };
  },
  show: ({ calls, next }) => [
    {
      columns: [
        left("Started"),
        left("Call"),
        left("Agent"),
        left("Model"),
        left("State"),
        right("Input"),
        right("Output"),
        right("Cost (USD)"),
        right("Took"),
      ],
      rows: calls.map(row),
      empty: "No call to show.",
    },
    ...(next !== null && calls.length > 0 ? [`Older ones: --before ${next}`] : []),
  ],
  cli: { positional: [], aliases: ["calls"], example: "bursar call list --agent support-bot --state refused" },
});
