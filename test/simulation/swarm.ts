/** What a seed switches on: every world has some faults and not others, so that they are met in all combinations. */
import type { Budget } from "../../src/accounting/budget/budget.js";
import { budget } from "../ledger-fixtures.js";
import type { DiskFaults } from "./disk.js";
import type { Random } from "./random.js";
import type { ProviderFaults } from "./script.js";
import { WIRES, type Wire } from "./wires.js";

export interface Swarm {
  readonly provider: ProviderFaults;
  readonly disk: DiskFaults;
  /** Mean virtual milliseconds between two crashes; null: none. */
  readonly crashEveryMs: number | null;
  /** Mean virtual milliseconds between two jumps of the wall clock; null: none. */
  readonly jumpEveryMs: number | null;
  readonly jumpMsMax: number;
  /** Share of the jumps that are sleep: boot time tells of it, monotonic time does not. */
  readonly sleeps: number;
  /** Mean virtual milliseconds between two acts of an operator; null: none. */
  readonly operatorEveryMs: number | null;
  /** Mean virtual milliseconds between two calls. */
  readonly callEveryMs: number;
  /** Share of the calls that ask the ledger themselves, as another program would. */
  readonly remote: number;
  readonly budgets: readonly Budget[];
  readonly agents: readonly string[];
  readonly inputRatio: number;
  /** Share of answers that need more than the first slice. */
  readonly long: number;
  /** Share of clients that leave early. */
  readonly leaves: number;
  readonly keys: number;
  /** Share of calls that another model may answer. */
  readonly fallbacks: number;
  /** Formats that are spoken. */
  readonly wires: readonly Wire[];
}

const DAY_MS = 86_400_000;

function providerFaults(random: Random): ProviderFaults {
  const some = (most: number): number => (random.chance(0.4) ? random.next() * most : 0);
  return {
    connect: some(0.2),
    unbilled_status: some(0.3),
    server_error: some(0.15),
    silent: some(0.1),
    reset: some(0.2),
    hang: some(0.1),
    error_event: some(0.2),
    no_usage: some(0.3),
    lying_usage: some(0.3),
    cap_ignored: some(0.15),
    not_json: some(0.1),
    surprising_input: some(0.1),
    slow: some(0.2),
  };
}

export const NO_FAULTS: ProviderFaults = {
  connect: 0,
  unbilled_status: 0,
  server_error: 0,
  silent: 0,
  reset: 0,
  hang: 0,
  error_event: 0,
  no_usage: 0,
  lying_usage: 0,
  cap_ignored: 0,
  not_json: 0,
  surprising_input: 0,
  slow: 0,
};

const WINDOWS: readonly Budget["window"][] = [
  { kind: "lifetime" },
  { kind: "calendar", unit: "minute" },
  { kind: "calendar", unit: "hour" },
  { kind: "calendar", unit: "day" },
  { kind: "rolling", ms: 60_000 },
  { kind: "rolling", ms: 3_600_000 },
];

/** Three to seven budgets over the same calls, some tight and some wide; the first one is always hard. */
function budgets(random: Random, scale: number): readonly Budget[] {
  const window = (): Budget["window"] => random.pick(WINDOWS);
  const usd = (low: number, high: number): bigint => BigInt(random.between(low, high) * scale) * 1_000_000n;
  const count = random.pick(["total", "input", "output", "uncached"] as const);
  const mode = (): Budget["mode"] => (random.chance(0.8) ? "hard" : random.pick(["soft", "shadow"]));
  const all = [
    budget({ name: "org", limit: usd(200, 6_000), window: window(), clamp: random.chance(0.3) }),
    budget({ name: "team", limit: usd(100, 2_000), per: ["team"], window: window(), mode: mode() }),
    budget({
      name: "agent",
      limit: usd(60, 1_000),
      per: ["agent"],
      window: window(),
      mode: mode(),
      accounts_max: random.pick([3, 10_000]),
    }),
    budget({
      name: "tokens",
      unit: "tokens",
      count,
      limit: BigInt(random.between(9_000, 400_000) * scale),
      per: ["agent"],
      window: window(),
      mode: mode(),
    }),
    budget({
      name: "rate",
      unit: "requests",
      limit: BigInt(random.between(5, 200) * scale),
      per: ["team"],
      window: window(),
      mode: mode(),
    }),
    budget({ name: "key", limit: usd(20, 800), per: ["key"], window: window(), mode: mode() }),
    // Several streams at a time on little money: it runs out while they flow.
    budget({
      name: "slim",
      unit: "tokens",
      count: "output",
      limit: BigInt(random.between(2_500, 12_000)),
      per: ["agent"],
      window: random.pick([{ kind: "calendar", unit: "minute" }, { kind: "lifetime" }] as const),
    }),
    budget({ name: "task", limit: usd(40, 600), per: ["task"], window: window(), mode: mode() }),
    budget({
      name: "red",
      limit: usd(100, 900),
      match: { team: "red" },
      window: window(),
      mode: mode(),
      ceiling: random.chance(0.2) ? "strict" : "measured",
    }),
    budget({ name: "counted", limit: null, per: ["agent"], window: window() }),
  ];
  const slim = random.chance(0.4);
  return all.filter(({ name }, index) => (name === "slim" ? slim : index === 0 || random.chance(0.6)));
}

/** Draws a swarm for a world in which `calls` are made. What comes now and then comes a few times in that time. */
export function drawSwarm(random: Random, { calls, only }: { readonly calls: number; readonly only?: "ledger" }): Swarm {
  // Now and then hours pass: windows turn, and a clock that was set has stood long enough to be believed.
  const slowly = random.chance(0.05);
  const callEveryMs = slowly ? 40_000 : random.pick([4, 15, 60, 400]) / (only === "ledger" ? 10 : 1);
  const times = (probability: number, most: number): number | null =>
    random.chance(probability) ? (calls * callEveryMs) / random.between(1, most) : null;
  return {
    provider: providerFaults(random),
    disk: {
      sync_fails: random.chance(0.25) ? 0.003 : 0,
      slow: random.chance(0.3) ? 0.03 : 0,
      full: random.chance(0.1) ? 0.1 : 0,
      forgetful: random.chance(0.3),
    },
    crashEveryMs: times(0.6, 5),
    jumpEveryMs: times(0.4, 6),
    jumpMsMax: random.pick([90_000, 2 * 3_600_000, 40 * DAY_MS]),
    sleeps: random.pick([0, 0.3]),
    operatorEveryMs: times(0.5, 20),
    callEveryMs,
    remote: only === "ledger" ? 1 : random.chance(0.6) ? random.next() * 0.5 : 0,
    budgets: budgets(random, random.pick(only === "ledger" ? [2, 20, 60] : [1, 4, 12])),
    agents: ["a", "b", "c", "d,e", "f/g", "h"].slice(0, random.between(1, 6)),
    inputRatio: 0.6 + random.next() * 0.4,
    long: random.pick([0.05, 0.3, 0.8]),
    leaves: random.chance(0.5) ? random.next() * 0.5 : 0.02,
    keys: random.chance(0.5) ? random.next() * 0.5 : 0,
    fallbacks: random.pick([0, 0.3, 0.8]),
    wires: random.chance(0.4) ? [random.pick(WIRES)] : WIRES,
  };
}
