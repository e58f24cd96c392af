import { z } from "zod";
import { BursarError } from "../accounting/errors.js";
import { picoAt, picoOf } from "../accounting/price/cost.js";
import type { PriceRow } from "../accounting/price/price-row.js";
import { parseCount } from "../accounting/units/amount.js";
import { parseUsd, roundHalfUp, usdText } from "../accounting/units/money.js";
import { shownUsd, usdSchema } from "./amount.js";
import { BRIEF_COSTS, BRIEF_PLANS, BRIEF_RUNAWAY, BRIEF_TASKS, BRIEF_TOKENS } from "./brief-figures.js";
import { defineCommand } from "./command.js";
import type { DeskNeeds } from "./needs.js";
import { findRow } from "./prices.js";
import { left, right } from "./shown.js";

const input = z.strictObject({
  tokens: z.string().default(String(BRIEF_TOKENS)).describe("tokens per task, input and output together: 4000, 4k"),
  mix: z.string().default("11:1").describe("input to output, e.g. 11:1"),
  tasks: z.string().default("1").describe("number of tasks: 100000, 100k"),
  model: z.array(z.string()).optional().describe("model; may be given again. Without it: the four of the brief"),
});

const deviationSchema = z.object({
  brief: z.string().describe("what the brief says"),
  here: z.string().describe("what follows from the prices and the mix"),
  percent: z.number().describe("here against the brief"),
  why: z.string(),
});

const output = z.object({
  tokens: z.number(),
  tasks: z.number(),
  mix: z.object({ input: z.number(), output: z.number() }),
  models: z.array(z.object({ model: z.string(), price_id: z.string(), cost_usd: usdSchema, per_task_usd: usdSchema })),
  deviations: z.array(deviationSchema).describe("filled for the brief's own case: 100,000 tasks of 4,000 tokens"),
  note: z.string(),
});

interface Mix {
  readonly input: bigint;
  readonly output: bigint;
}

/** Longest part of a mix: `1000000:1`. */
const MIX_FORM = /^(\d{1,7}):(\d{1,7})$/;

function readMix(text: string): Mix {
  const form = MIX_FORM.exec(text.trim());
  const mix = { input: BigInt(form?.[1] ?? 0), output: BigInt(form?.[2] ?? 0) };
  if (mix.input + mix.output > 0n) return mix;
  throw new BursarError("invalid_request", `"${text}" is no mix. Give input to output in whole numbers, such as 11:1.`);
}

/** Cost of tokens spread over input and output; the fractions that a mix gives are kept until the one rounding. */
function costOfMix(row: PriceRow, of: { tokens: bigint; mix: Mix; perRequest: bigint }): bigint {
  const { tokens, mix, perRequest } = of;
  const parts = mix.input + mix.output;
  const pico = picoAt(row, Number((perRequest * mix.input) / parts));
  const unit = mix.input * picoOf(pico, "input_fresh", row.free) + mix.output * picoOf(pico, "output_text", row.free);
  return roundHalfUp((2n * tokens * unit + parts) / (2n * parts));
}

/** The whole-number mix N:1 at which the brief's figure would be right, or null when there is none up to 100:1. */
function mixOf(row: PriceRow, wanted: bigint): string | null {
  const tokens = BigInt(BRIEF_TOKENS) * BigInt(BRIEF_TASKS);
  for (let parts = 1n; parts <= 100n; parts++) {
    const mix = { input: parts, output: 1n };
    if (costOfMix(row, { tokens, mix, perRequest: BigInt(BRIEF_TOKENS) }) === wanted) return `${parts}:1`;
  }
  return null;
}

function percent(here: bigint, brief: bigint): number {
  return Number(((here - brief) * 1000n) / brief) / 10;
}

type Deviation = z.output<typeof deviationSchema>;

/** Rows of the brief's cost table that do not follow from the prices at this mix, each with the mix that gives them. */
function costDeviations(needs: DeskNeeds, mix: Mix): Deviation[] {
  const tokens = BigInt(BRIEF_TOKENS) * BigInt(BRIEF_TASKS);
  const found: Deviation[] = [];
  for (const row of BRIEF_COSTS) {
    const price = findRow(needs, row.model);
    const here = costOfMix(price, { tokens, mix, perRequest: BigInt(BRIEF_TOKENS) });
    const brief = parseUsd(row.usd);
    if (here === brief) continue;
    const right = mixOf(price, brief);
    const why =
      right === null ? "no whole mix up to 100:1 gives the brief's figure" : `the brief's figure needs a mix of ${right}`;
    found.push({
      brief: `${row.name}: ${shownUsd(usdText(brief))}`,
      here: shownUsd(usdText(here)),
      percent: percent(here, brief),
      why,
    });
  }
  return found;
}

/** The brief's planning table and runaway example against GPT-4o at this mix. */
function planDeviations(needs: DeskNeeds, mix: Mix): Deviation[] {
  const row = findRow(needs, "openai/gpt-4o");
  const cost = (tokens: bigint): bigint => costOfMix(row, { tokens, mix, perRequest: BigInt(BRIEF_TOKENS) });
  const rate = shownUsd(usdText(cost(1_000_000n)));
  const plans = BRIEF_PLANS.map((plan): Deviation => {
    const here = cost(plan.dailyTokens * 30n);
    const brief = parseUsd(plan.usd);
    const why = `the brief counts a flat $10 per million tokens; GPT-4o at this mix is ${rate}`;
    return {
      brief: `${plan.type}, a month: ${shownUsd(usdText(brief))}`,
      here: shownUsd(usdText(here)),
      percent: percent(here, brief),
      why,
    };
  });
  const runaway = cost(BRIEF_RUNAWAY.tokens);
  const least = parseUsd(BRIEF_RUNAWAY.from);
  if (runaway >= least && runaway <= parseUsd(BRIEF_RUNAWAY.to)) return plans;
  return [
    ...plans,
    {
      brief: `runaway agent, 5M tokens: $${BRIEF_RUNAWAY.from} to $${BRIEF_RUNAWAY.to}`,
      here: shownUsd(usdText(runaway)),
      percent: percent(runaway, least),
      why: "the brief's range is $10 to $30 per million tokens, the price of output alone; percent is against its lower end",
    },
  ];
}

function count(text: string, what: string): bigint {
  const read = parseCount(text);
  if (read > 0n && read <= 1_000_000_000_000n) return read;
  throw new BursarError("invalid_request", `${what} is ${text}; it takes 1 to 1,000,000,000,000.`);
}

/** `estimate`: what a number of tasks would cost, with the mix said. */
export const estimate = defineCommand({
  name: "estimate",
  summary: "What tasks of a size would cost, with the mix of input and output said",
  permission: "read",
  method: "GET",
  path: "/estimate",
  input,
  output,
  changes: false,
  async run(needs, asked) {
    const perRequest = count(asked.tokens, "tokens");
    const tasks = count(asked.tasks, "tasks");
    const mix = readMix(asked.mix);
    const names = asked.model === undefined || asked.model.length === 0 ? BRIEF_COSTS.map((row) => row.model) : asked.model;
    const models = names.map((name) => {
      const row = findRow(needs, name);
      const cost = costOfMix(row, { tokens: perRequest * tasks, mix, perRequest });
      const each = costOfMix(row, { tokens: perRequest, mix, perRequest });
      return { model: row.model, price_id: row.id, cost_usd: usdText(cost), per_task_usd: usdText(each) };
    });
    const ofBrief = perRequest === BigInt(BRIEF_TOKENS) && tasks === BigInt(BRIEF_TASKS);
    const deviations = ofBrief ? [...costDeviations(needs, mix), ...planDeviations(needs, mix)] : [];
    const note = `Mix ${mix.input}:${mix.output}: of ${perRequest} tokens, ${mix.input} in ${mix.input + mix.output} parts are input. No cache is counted on.`;
    return {
      tokens: Number(perRequest),
      tasks: Number(tasks),
      mix: { input: Number(mix.input), output: Number(mix.output) },
      models,
      deviations,
      note,
    };
  },
  show: (result) => [
    `${result.tasks} tasks of ${result.tokens} tokens. ${result.note}`,
    {
      columns: [left("Model"), right("Cost (USD)"), right("Per task"), left("Price")],
      rows: result.models.map((one) => [one.model, shownUsd(one.cost_usd), shownUsd(one.per_task_usd), one.price_id]),
    },
    ...(result.deviations.length === 0
      ? []
      : [
          {
            title: "Where the brief says otherwise",
            columns: [left("Brief"), right("Here"), right("%"), left("Why")],
            rows: result.deviations.map((one) => [one.brief, one.here, one.percent.toFixed(1), one.why]),
          },
        ]),
  ],
  cli: { positional: [], example: "bursar estimate --tasks 100000 --tokens 4000 --mix 11:1" },
});
