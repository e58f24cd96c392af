// Providers that lie about usage, ignore the cap or break off in the middle, in every format that streams and whole.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar } from "../e2e/running-bursar.js";
import { settledBill } from "./aborts.js";
import { ASKS } from "./asks.js";
import { askAndLeave } from "./leaving.js";
import { countedByUser } from "./ledger-of.js";

let at: RunningBursar;

beforeAll(async () => {
  at = await openRunningBursar(`budgets:
  - { name: all, limit: { usd: 1000 } }
limits: { retries_max: 0, idle_timeout: 1s, first_byte_timeout: 2s, drain_timeout: 1s }`);
});
afterAll(() => at.close());

const LIES = ["negative", "nan", "string", "zero", "huge", "twice", "decreasing"].map((lie) => `usage=${lie}`);
const BROKEN = ["no-usage", "ignore-cap=700", "reset-before", "reset-after=20", "hang-after=20", "error-event=20", "500"];

test.each([...LIES, ...BROKEN])("%s: settled once, at no less than the bill, and never at nothing", async (fault) => {
  const kinds = [true, false].flatMap((stream) => ASKS.map((ask) => ({ ask, stream, key: `${ask.name} ${stream} ${fault}` })));
  const steer = { "output-tokens": 60, "tokens-per-second": 2_000, fault };
  const rest = { url: at.url, cap: 100, steer, leaving: { after: "the end" as const } };
  const answers = await Promise.all(kinds.map((kind) => askAndLeave({ ...rest, ...kind })));
  await at.settled();
  const bill = await settledBill(at);
  const counted = await countedByUser(at);
  for (const [index, { key, stream }] of kinds.entries()) {
    const one = counted.get(key);
    const line = bill.get(key);
    const billed = BigInt(line?.nano_usd ?? "-1");
    const seen = { key, billed, one };
    // A complete 5xx counts its input by rule; that a provider bills output it did not deliver is reconciled, not guessed.
    const byRule = !stream && fault.startsWith("error-event");
    expect(seen).toSatisfy(() => one !== undefined && one.state !== "pending" && one.nano > 0n && (byRule || one.nano >= billed));
    // What was billed beyond the hold has a name.
    if (one !== undefined && billed > one.held) expect(seen).toSatisfy(() => one.overrun !== null);
    expect([key, answers[index]?.status === null]).toEqual([key, false]);
  }
  expect(at.told).toEqual([]);
});
