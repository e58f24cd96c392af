import { expect } from "vitest";
import type { RunningBursar } from "../e2e/running-bursar.js";
import { ASKS } from "./asks.js";
import { askAndLeave, type Leaver } from "./leaving.js";
import { type Counted, countedByUser } from "./ledger-of.js";

/** One line of the simulator's own bill. */
interface Billed {
  readonly key: string;
  readonly ended: string;
  readonly output: number;
  readonly nano_usd: string;
}

/** The simulator's bill, by key, once nothing runs there any more. */
export async function settledBill(at: RunningBursar): Promise<Map<string, Billed>> {
  for (;;) {
    const { by_call } = (await (await fetch(`${at.simulatorUrl}/sim/bill`)).json()) as { by_call: Billed[] };
    if (by_call.every(({ ended }) => ended !== "running")) return new Map(by_call.map((line) => [line.key, line]));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs so many at once. */
export async function runAtOnce<T>(
  items: readonly T[],
  of: { atOnce: number; run: (item: T) => Promise<unknown> },
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await of.run(items[next++] as T);
  };
  await Promise.all(Array.from({ length: of.atOnce }, worker));
}

/** What came of many calls, to be printed. */
export interface Fired {
  readonly calls: number;
  /** Posted exactly as billed. */
  readonly exact: number;
  /** Counted above the bill, because its usage never came. */
  readonly above: number;
  /** Billed and posted beyond the hold, with a cause that is named. */
  readonly named: Readonly<Record<string, number>>;
  readonly refusedOrUnsent: number;
}

/**
 * Every call is settled once, and counted at no less than it was billed; posted exactly as billed where the provider's usage
 * was read. Fails on the first that is not.
 */
export function expectCovered(counted: ReadonlyMap<string, Counted>, bill: ReadonlyMap<string, Billed>, calls: number): Fired {
  let [exact, above] = [0, 0];
  const named: Record<string, number> = {};
  for (const [key, one] of counted) {
    const billed = BigInt(bill.get(key)?.nano_usd ?? "0");
    const seen = { key, one, line: bill.get(key) };
    if (one.overrun !== null) named[one.overrun] = (named[one.overrun] ?? 0) + 1;
    if (one.state === "posted" && one.evidence === "provider") expect(seen).toMatchObject({ one: { nano: billed } });
    expect(seen).toSatisfy(() => one.state !== "pending" && one.nano >= billed);
    if (one.nano === billed) exact += 1;
    else above += 1;
  }
  // Whatever was billed was held for.
  for (const [key, line] of bill) if (line.nano_usd !== "0") expect([key, counted.has(key)]).toEqual([key, true]);
  return { calls, exact, above, named, refusedOrUnsent: calls - counted.size };
}

/** Numbers from 0 up to (not including) the one asked for; the same seed gives the same ones. */
export type Chance = (below: number) => number;

const FAULTS = [
  "",
  "",
  "",
  "",
  "",
  "no-usage",
  "reset-after=9",
  "error-event=7",
  "usage=negative",
  "usage=decreasing",
  "500",
  "429",
];

/** One call at random: any format, short or long, fast or slow, whole or broken, left anywhere. */
export function randomLeaver(chance: Chance, of: { url: string; key: string }): Leaver {
  const ask = ASKS[chance(ASKS.length)] as (typeof ASKS)[number];
  const stream = chance(8) !== 0;
  const tokens = chance(10) === 0 ? 1_200 + chance(1_200) : 1 + chance(120);
  const drawn = FAULTS[chance(FAULTS.length)] as string;
  // A complete 5xx counts its input by rule, also where a provider bills what it made before it: not to be drawn here.
  const fault = !stream && drawn.startsWith("error-event") ? "" : drawn;
  const steer = {
    "output-tokens": tokens,
    "tokens-per-second": chance(3) === 0 ? 0 : 400 + chance(4_000),
    "first-token-ms": chance(2) === 0 ? 0 : chance(40),
    ...(fault === "" ? {} : { fault }),
  };
  const leaving = [
    { after: "ms" as const, ms: chance(60) },
    { after: "ms" as const, ms: chance(400) },
    { after: "head" as const },
    { after: "events" as const, events: chance(2 + Math.min(tokens, 60)) },
    { after: "last word" as const },
    { after: "the end" as const },
  ][chance(6)] as Leaver["leaving"];
  return { ...of, ask, stream, cap: 3_000, steer, leaving };
}

/** Fires so many of them, and answers what came of it. */
export async function fireAtRandom(at: RunningBursar, of: { calls: number; atOnce: number; chance: Chance }): Promise<Fired> {
  const { calls, atOnce, chance } = of;
  const leavers = Array.from({ length: calls }, (_, n) => randomLeaver(chance, { url: at.url, key: `k${n}` }));
  // What is counted where usage never comes rests on what was learned of a model: a gateway that knows nothing yet may err.
  const taught = { url: at.url, cap: 400, stream: true, steer: { "output-tokens": 120 }, leaving: { after: "the end" as const } };
  for (let n = 0; n < 6; n++) {
    await runAtOnce(ASKS, { atOnce: 4, run: (ask) => askAndLeave({ ...taught, ask, key: `taught by ${ask.name} ${n}` }) });
  }
  await runAtOnce(leavers, { atOnce, run: askAndLeave });
  await at.settled();
  return expectCovered(await countedByUser(at), await settledBill(at), calls + 6 * ASKS.length);
}
