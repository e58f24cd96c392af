/**
 * Do measured ceilings refuse honest work? Replays recorded runs against a `task-cap` of $1.50 a task through the real
 * ledger: a hold before each call, extensions while its output streams, the true cost posted after it. A run is refused
 * falsely when its true total fits the cap but one of its calls was refused or cut. The last calls of a run that does not
 * fit are refused rightly.
 *
 * Recorded runs have token counts, not texts, so the estimator is a model of the real one: estimate = true tokens × e^x,
 * x normal with the spread that makes 90 % of errors smaller than 7 % (8-performance, "What follows from the data", 5).
 * Half of the variance is a run's own, because a prompt that grows keeps the error of its beginning. The ledger's own
 * calibration learns on top, from the posts.
 *
 * Two ways to hold output: `sliced` (1,024 tokens, extended; streams whose bill is visible) and `whole` (8,192 at once;
 * calls that are not streamed or hide reasoning). Output beyond the cap of 8,192 that goes upstream is not produced.
 * `npm run -s eval -- false-refusals --data DIR [--seed N] [--json]`
 */
import type { Budget } from "../src/accounting/budget/budget.js";
import { calibrationKey } from "../src/accounting/ledger/apply.js";
import { ceilingFor, OUTPUT_DEFAULT, OUTPUT_SLICE } from "../src/accounting/meter/ceiling.js";
import { ceilingOf, costOf } from "../src/accounting/price/cost.js";
import { openPriceBook } from "../src/accounting/price/price-book.js";
import type { PriceRow } from "../src/accounting/price/price-row.js";
import { EXTEND_MARGIN } from "../src/call/extend-hold.js";
import type { Ledger } from "../src/call/needs.js";
import { openMemory } from "../src/stores/memory/open-memory.js";
import { answer, asked } from "./recorded/report.js";
import { countsOf, type RecordedCall, readCalls } from "./recorded/swe-agent-calls.js";

const CAP_NANO = 1_500_000_000n;
const ERROR_P90 = 1.07;
const Z_P90 = 1.6449;

const taskCap: Budget = {
  name: "task-cap",
  match: {},
  per: ["task"],
  unit: "usd",
  limit: CAP_NANO,
  count: "total",
  window: { kind: "lifetime" },
  timezone: "UTC",
  week_start: "monday",
  mode: "hard",
  ceiling: "measured",
  clamp: false,
  on_unknown_price: "deny",
  accounts_max: 10_000,
};

/** Seeded uniform numbers in (0, 1): mulberry32. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
}

interface Replay {
  readonly ledger: Ledger;
  readonly row: PriceRow;
  readonly sliced: boolean;
}

/** Holds, streams and posts one call. False: it was refused, or cut because no more could be held. */
async function serve(replay: Replay, call: RecordedCall, estimate: number): Promise<boolean> {
  const { ledger, row, sliced } = replay;
  const attempt_id = `${call.run}.${call.index}.1`;
  const ceiling = ceilingFor({
    estimated_input: estimate,
    exact: false,
    bytes: estimate * 4,
    calibration: ledger.state().calibrations.get(calibrationKey(row.model, false)) ?? null,
    output: { cap: OUTPUT_DEFAULT, slice: sliced ? OUTPUT_SLICE : null, choices: 1 },
    row,
    mode: "measured",
    cacheWrites: "none",
  });
  const attribution = { key: "eval", agent: "swe-agent", task: call.run, model: row.model };
  const identity = { call_id: `${call.run}.${call.index}`, attempt_id, attribution, provider: row.provider, price_id: row.id };
  const [held] = await ledger.apply([{ type: "hold", ...identity, ceiling, estimated_input: estimate }]);
  if (held?.ok !== true) return false;

  const output = Math.min(call.completion_tokens, OUTPUT_DEFAULT);
  let covered = ceiling.output_tokens;
  while (output + EXTEND_MARGIN > covered && covered < OUTPUT_DEFAULT) {
    const tokens = Math.min(OUTPUT_SLICE, OUTPUT_DEFAULT - covered);
    const spend = { input_tokens: ceiling.input_tokens, output_tokens: covered };
    const nano = ceilingOf({ ...spend, output_tokens: covered + tokens }, row) - ceilingOf(spend, row);
    const [extended] = await ledger.apply([
      { type: "extend", attempt_id, add: { nano, input_tokens: 0, output_tokens: tokens } },
    ]);
    if (extended?.ok !== true) break;
    covered += tokens;
  }
  const cut = output > covered;
  const counts = countsOf({ ...call, completion_tokens: Math.min(output, covered) });
  const nano = costOf(counts, row);
  await ledger.apply([{ type: "post", attempt_id, usage: { counts, evidence: "provider" }, nano, outcome: cut ? "cut" : "end" }]);
  return !cut;
}

interface Outcome {
  readonly runs: number;
  readonly fit: number;
  readonly falselyRefused: number;
  readonly overCap: number;
}

/** Replays all runs, calls of all runs in the order of their time. */
async function replayAll(
  calls: readonly RecordedCall[],
  options: { seed: number; row: PriceRow; sliced: boolean },
): Promise<Outcome> {
  const random = uniform(options.seed);
  const spread = Math.log(ERROR_P90) / Z_P90 / Math.SQRT2;
  const totals = new Map<string, bigint>();
  const ownError = new Map<string, number>();
  for (const call of calls) {
    totals.set(call.run, (totals.get(call.run) ?? 0n) + costOf(countsOf(call), options.row));
    if (!ownError.has(call.run)) ownError.set(call.run, spread * normal(random));
  }
  let now = 0;
  const clock = { now: () => now, monotonic: () => now, sleep: async () => undefined };
  const ledger = await openMemory({ clock });
  await ledger.apply([{ type: "declare", budgets: [taskCap], actor: "eval", reason: "replay" }]);
  const refused = new Set<string>();
  const inTime = [...calls].sort((left, right) => left.at - right.at || left.index - right.index);
  for (const call of inTime) {
    const error = (ownError.get(call.run) ?? 0) + spread * normal(random);
    if (refused.has(call.run)) continue;
    now = Math.max(now + 1, call.at);
    const estimate = Math.max(1, Math.round(call.prompt_tokens * Math.exp(error)));
    if (!(await serve({ ledger, row: options.row, sliced: options.sliced }, call, estimate))) refused.add(call.run);
  }
  const fit = [...totals].filter(([, total]) => total <= CAP_NANO);
  let overCap = 0;
  for (const account of ledger.state().accounts.values()) if (account.used > CAP_NANO) overCap++;
  await ledger.close();
  return { runs: totals.size, fit: fit.length, falselyRefused: fit.filter(([run]) => refused.has(run)).length, overCap };
}

const query = asked("false-refusals");
const calls = readCalls(query.data);
const row = openPriceBook().resolve({ provider: "gemini", model: "gemini-3-pro-preview", at: Date.now() });
if (row === null) throw new Error("the price book has no row for gemini-3-pro-preview");
const sliced = await replayAll(calls, { seed: query.seed, row, sliced: true });
const whole = await replayAll(calls, { seed: query.seed, row, sliced: false });
const share = (outcome: Outcome): number => Math.round((outcome.falselyRefused / outcome.fit) * 1e6) / 1e6;
const percent = (outcome: Outcome): string => `${(share(outcome) * 100).toFixed(2)} %`;
answer(
  "false-refusals",
  query,
  {
    calls: calls.length,
    runs: sliced.runs,
    fit: sliced.fit,
    falsely_refused: sliced.falselyRefused,
    share: share(sliced),
    over_cap: sliced.overCap,
    falsely_refused_whole: whole.falselyRefused,
    share_whole: share(whole),
    over_cap_whole: whole.overCap,
  },
  `false-refusals: ${sliced.runs} runs, ${sliced.fit} fit a cap of $1.50; refused falsely ${sliced.falselyRefused} (${percent(sliced)}) ` +
    `with output held by the slice, ${whole.falselyRefused} (${percent(whole)}) with 8,192 held at once; ` +
    `accounts over their cap ${sliced.overCap} and ${whole.overCap} (seed ${query.seed}).`,
);
