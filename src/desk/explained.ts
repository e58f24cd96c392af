import { z } from "zod";
import { amountSchema, unitSchema, usdSchema } from "./amount.js";
import { callStateSchema, usageSchema } from "./calls.js";
import { priceSchema } from "./prices.js";

/** One class of one bill. */
export const lineSchema = z.object({
  class: z.string(),
  units: z.number(),
  usd_per_million: usdSchema.describe("per event for requests and web_searches"),
  factor: z.string().describe("of the service tier"),
  usd: z.string().describe("exact; the sum is rounded once to nano-dollars"),
});

/** One attempt of an explained call, with its bill line by line. */
export const attemptSchema = z.object({
  attempt_id: z.string(),
  state: callStateSchema,
  provider: z.string().nullable(),
  model: z.string(),
  price: priceSchema.nullable().describe("the row pinned for the attempt; null where none is known"),
  ceiling_usd: usdSchema.describe("what was held, extensions included"),
  extensions: z.number(),
  estimated_input: z.number().nullable(),
  actual_input: z.number().nullable(),
  actual_output: z.number().nullable(),
  cost_usd: usdSchema.nullable(),
  cost_of_ceiling_percent: z.number().nullable().describe("how much of what was held it truly cost"),
  cost_lines: z.array(lineSchema),
  usage: usageSchema.nullable(),
  evidence: z.string().nullable(),
  outcome: z.string().nullable(),
  flags: z.array(z.string()),
  overrun: z.object({ cause: z.string(), usd: usdSchema }).nullable(),
  why: z.string().nullable().describe("proof of a void, reason of a presumption"),
});

/** See `attemptSchema`. */
export type AttemptJson = z.output<typeof attemptSchema>;

/** Why a call was refused, with what stood there then. Amounts in the budget's unit. */
export const refusalSchema = z.object({
  code: z.string(),
  message: z.string(),
  budget: z.string().nullable(),
  unit: unitSchema.nullable(),
  limit: amountSchema.nullable(),
  used: amountSchema.nullable(),
  held: amountSchema.nullable(),
  requested: amountSchema.nullable(),
  lift: z.string().nullable().describe("the command that would have let it through"),
});

/** See `refusalSchema`. */
export type RefusalJson = z.output<typeof refusalSchema>;
