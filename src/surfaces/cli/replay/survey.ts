/**
 * Reads a trace once before it is replayed: what it will cost, and budgets of such a size that some of its agents hit them.
 */

import { BursarError } from "../../../accounting/errors.js";
import { costOf } from "../../../accounting/price/cost.js";
import { openPriceBook } from "../../../accounting/price/price-book.js";
import type { PriceRow } from "../../../accounting/price/price-row.js";
import type { FleetModel } from "./fleet.js";
import type { PlannedCall } from "./planned-call.js";

/** Limits in nano-dollars, and the output cap of calls that name none. */
export interface Sizes {
  readonly org: bigint;
  readonly team: bigint;
  readonly agent: bigint;
  readonly task: bigint;
  readonly output_default: number;
}

/** What the trace amounts to. */
export interface Survey {
  readonly calls: number;
  /** True cost of all its calls were none refused, in nano-dollars. */
  readonly nano: bigint;
  readonly sizes: Sizes;
}

/** Shares of calls, in hundredths, that each of the lower levels would refuse by itself. */
const SHARES = { task: 6n, agent: 6n } as const;
/** Hundredths of what is then spent that the largest team, and all together, may spend. */
const TEAM_PERCENT = 94n;
const ORG_PERCENT = 97n;
const OUTPUT_DEFAULT_MAX = 8_192;
const OUTPUT_DEFAULT_MIN = 256;

/** About how many output tokens are held for a call that names no cap, and for the first slice of a stream. */
const HELD_OUTPUT = 1_024;

interface Group {
  calls: bigint;
  nano: bigint;
  /** What is held for its calls, summed. */
  held: bigint;
}

type Prices = (model: FleetModel) => PriceRow;

/** Price rows in force now, each resolved once. */
function openPrices(): Prices {
  const book = openPriceBook();
  const rows = new Map<string, PriceRow>();
  return ({ provider, name }) => {
    const row = rows.get(name) ?? book.resolve({ provider, model: name, at: Date.now() });
    if (row === null) throw new BursarError("internal", `The price book has no row for ${provider}/${name}.`);
    rows.set(name, row);
    return row;
  };
}

function nanoOf(call: PlannedCall, prices: Prices): bigint {
  const output = Math.min(call.output, call.cap ?? call.output);
  return costOf(
    { input_fresh: call.input - call.cached, cache_read: call.cached, output_text: output, requests: 1 },
    prices(call.model),
  );
}

/** About what is set aside before the call: it must fit as well, whatever the call then costs. */
function heldFor(call: PlannedCall, prices: Prices): bigint {
  const output = call.stream ? Math.min(HELD_OUTPUT, call.cap ?? HELD_OUTPUT) : (call.cap ?? HELD_OUTPUT);
  const input = Math.ceil(call.input * 1.1);
  return costOf({ input_fresh: input, output_text: output, requests: 1 }, prices(call.model));
}

function add(groups: Map<string, Group>, name: string, of: { nano: bigint; held: bigint }): void {
  const group = groups.get(name) ?? { calls: 0n, nano: 0n, held: 0n };
  group.calls += 1n;
  group.nano += of.nano;
  group.held += of.held;
  groups.set(name, group);
}

/** Calls that a group loses under a limit when all of its calls cost and hold the same. */
function refusedUnder(limit: bigint, { calls, nano, held }: Group): bigint {
  const hold = held / calls;
  if (hold > limit) return calls;
  const admitted = nano === 0n ? calls : ((limit - hold) * calls) / nano + 1n;
  return admitted >= calls ? 0n : calls - admitted;
}

/** The smallest limit at which groups of this kind lose no more than `percent` of the calls. */
function limitFor(groups: ReadonlyMap<string, Group>, total: bigint, percent: bigint): bigint {
  let low = 1n;
  let high = 1n;
  for (const { nano, held } of groups.values()) if (nano + held > high) high = nano + held;
  while (low < high) {
    const limit = (low + high) / 2n;
    let refused = 0n;
    for (const group of groups.values()) refused += refusedUnder(limit, group);
    if (refused * 100n > percent * total) low = limit + 1n;
    else high = limit;
  }
  return low;
}

/** What each team spends when tasks and agents are limited as given. */
async function spentByTeam(
  calls: AsyncIterable<PlannedCall>,
  of: { limits: Pick<Sizes, "agent" | "task">; prices: Prices },
): Promise<ReadonlyMap<string, bigint>> {
  const used = new Map<string, bigint>();
  const teams = new Map<string, bigint>();
  for await (const call of calls) {
    const nano = nanoOf(call, of.prices);
    const accounts: readonly (readonly [string, bigint])[] = [
      [`task ${call.task}`, of.limits.task],
      [`agent ${call.agent.name}`, of.limits.agent],
    ];
    if (accounts.some(([name, limit]) => (used.get(name) ?? 0n) + nano > limit)) continue;
    for (const [name] of accounts) used.set(name, (used.get(name) ?? 0n) + nano);
    teams.set(call.agent.team, (teams.get(call.agent.team) ?? 0n) + nano);
  }
  return teams;
}

/** Limits of the two upper levels: the team that spends most hits its own near the end, and later all hit the org's. */
function upperLimits(teams: ReadonlyMap<string, bigint>): Pick<Sizes, "org" | "team"> {
  let most = 1n;
  for (const spent of teams.values()) if (spent > most) most = spent;
  const team = (most * TEAM_PERCENT) / 100n + 1n;
  let all = 0n;
  for (const spent of teams.values()) all += spent < team ? spent : team;
  return { team, org: (all * ORG_PERCENT) / 100n + 1n };
}

/** Room for an answer of any usual length: the next power of two above the longest of the trace, within bounds. */
function outputDefault(longest: number): number {
  const power = 2 ** Math.ceil(Math.log2(Math.max(1, longest)));
  return Math.max(OUTPUT_DEFAULT_MIN, Math.min(OUTPUT_DEFAULT_MAX, power));
}

/** Surveys planned calls; `calls` is asked for twice. Its memory grows with tasks, not with calls. */
export async function surveyCalls(calls: () => AsyncIterable<PlannedCall>): Promise<Survey> {
  const prices = openPrices();
  const groups = { task: new Map<string, Group>(), agent: new Map<string, Group>() };
  let [count, nano, longest] = [0, 0n, 0];
  for await (const call of calls()) {
    const cost = nanoOf(call, prices);
    count += 1;
    nano += cost;
    longest = Math.max(longest, call.output);
    const of = { nano: cost, held: heldFor(call, prices) };
    add(groups.task, call.task, of);
    add(groups.agent, call.agent.name, of);
  }
  const limitOf = (level: "task" | "agent"): bigint => limitFor(groups[level], BigInt(count), SHARES[level]);
  const limits = { task: limitOf("task"), agent: limitOf("agent") };
  const upper = upperLimits(await spentByTeam(calls(), { limits, prices }));
  return { calls: count, nano, sizes: { ...limits, ...upper, output_default: outputDefault(longest) } };
}
