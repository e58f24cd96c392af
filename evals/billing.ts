/**
 * Is the cost function what the provider bills? Prices every recorded call by the price book's row for Gemini 3 Pro and by
 * the flat prices it was billed at, and compares with the recorded bill.
 * `npm run -s eval -- billing --data DIR [--json]`
 */
import { costOf } from "../src/accounting/price/cost.js";
import { openPriceBook } from "../src/accounting/price/price-book.js";
import { priceRowOf } from "../src/accounting/price/prices-file.js";
import { answer, asked } from "./recorded/report.js";
import { countsOf, readCalls } from "./recorded/swe-agent-calls.js";

/** Bills are recorded as floats: 1e-6 USD, in nano-dollars. */
const TOLERANCE = 1_000n;

/** Nano-dollars of a decimal USD text, digits below a nano-dollar cut. */
function nanoOf(text: string): bigint {
  const match = /^(\d+)(?:\.(\d+))?(?:e-(\d+))?$/i.exec(text);
  if (match === null) throw new Error(`"${text}" is not a bill`);
  const [, whole = "0", fraction = "", down = "0"] = match;
  const digits = BigInt(whole + fraction.padEnd(30, "0"));
  return digits / 10n ** BigInt(30 - 9 + Number(down));
}

const query = asked("billing");
const calls = readCalls(query.data).filter((call) => call.billed_usd !== null);
const at = Date.now();
const row = openPriceBook().resolve({ provider: "gemini", model: "gemini-3-pro-preview", at });
if (row === null) throw new Error("the price book has no row for gemini-3-pro-preview");
const flat = priceRowOf({ model: "gemini/gemini-3-pro-preview", input: "2", cache_read: "0.2", output: "12" }).row;

let [mismatches, mismatchesFlat, billed, cost, worst] = [0, 0, 0n, 0n, 0n];
for (const call of calls) {
  const bill = nanoOf(call.billed_usd ?? "");
  const mine = costOf(countsOf(call), row);
  const difference = mine > bill ? mine - bill : bill - mine;
  if (difference > TOLERANCE) mismatches++;
  if (difference > worst) worst = difference;
  const plain = costOf(countsOf(call), flat);
  if ((plain > bill ? plain - bill : bill - plain) > TOLERANCE) mismatchesFlat++;
  billed += bill;
  cost += mine;
}
answer(
  "billing",
  query,
  {
    calls: calls.length,
    mismatches,
    mismatches_flat: mismatchesFlat,
    worst_nano: String(worst),
    billed_nano: String(billed),
    cost_nano: String(cost),
    price: row.id,
  },
  `billing: ${calls.length} billed calls, ${mismatches} differ by more than 1e-6 USD (${mismatchesFlat} at the flat prices); ` +
    `the worst by ${worst} nano-dollars; billed ${billed}, computed ${cost} nano-dollars (${row.id}).`,
);
