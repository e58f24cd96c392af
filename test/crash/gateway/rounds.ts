import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { usdText } from "../../../src/accounting/units/money.js";
import { verifyFile } from "../../../src/stores/sqlite/verify-file.js";
import { checkHistoryIn } from "../../history.js";
import { type Asked, type Chance, LONG_PER_SECOND, openChance, startLoad } from "./load.js";
import { type Attempt, nothingRead, type Read, readOn } from "./log.js";
import {
  type BilledCall,
  bursar,
  bursarHere,
  type Failpoint,
  type Serving,
  settledBill,
  startGateway,
  startSimulator,
} from "./processes.js";

/** How much is run. */
export interface Size {
  readonly kills: number;
  readonly clients: number;
  /** The load runs this long after its first answer, at least and at most, in milliseconds. */
  readonly loadMs: readonly [number, number];
  readonly seed: number;
  /** Where the gateway of each round kills itself; without, it is killed at a random moment. */
  readonly failpoints?: readonly (() => Failpoint)[];
}

/** What came of it, to be printed. */
export interface Outcome {
  readonly calls: number;
  readonly acknowledged: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly extensions: number;
  readonly presumed: number;
  /** Calls billed beyond what was held for what was in flight when they were cut or killed. */
  readonly inFlight: number;
  /** The most of that, as the time in which the provider made it. */
  readonly inFlightMaxMs: number;
  /** Processor time of a start, until it is ready. */
  readonly startCpuMedianMs: number;
  /** Spawn to ready: on a machine that has other things to do, the least says most. */
  readonly readyLeastMs: number;
  readonly readyMedianMs: number;
  readonly readyMaxMs: number;
}

/** Nano-dollars of one output token of each model that the load asks for. */
const OUTPUT_NANO: Readonly<Record<string, bigint>> = { "gpt-4o": 10_000n, "claude-sonnet-4-5": 15_000n };

/** Three levels, all hard. Agents and tasks of a round meet theirs; the organisation's must be enough for all rounds. */
const configOf = (of: { simulator: string; kills: number }): string => `version: 1
timezone: UTC
providers:
  sim: { kind: simulated, base_url: "${of.simulator}/v1" }
keys:
  - { name: platform, token: platform-key, attribution: headers }
budgets:
  - { name: org, limit: { usd: ${of.kills} } }
  - { name: agent-rate, per: [agent], limit: { requests: 16 } }
  - { name: task-cap, per: [task], limit: { usd: 0.03 } }
  - { name: minute, limit: { usd: ${of.kills} }, window: minute }
`;

interface Listed {
  readonly holds: readonly { readonly attempt_id: string; readonly state: string; readonly presumed_reason: string }[];
  readonly total: number;
}

/** Where it runs, and what was seen so far. */
interface Run {
  readonly size: Size;
  readonly home: string;
  readonly data: string;
  readonly config: string;
  readonly simulator: Serving;
  readonly chance: Chance;
  /** Every process that was started, for the end. */
  readonly started: ChildProcess[];
  readonly signal: AbortSignal;
  readonly read: Read;
  readonly asked: Asked[];
  readonly starts: Serving[];
}

const openAttempts = ({ attempts }: Read): Attempt[] =>
  [...attempts.values()].filter(({ state }) => state === "pending" || state === "presumed");

/** Rounds of which one lists its holds by the command line. */
const BY_COMMAND_EVERY = 10;

/** After a start: what was acknowledged is in the log, and what was open is presumed, every bit of it listed. */
async function expectRecovered(run: Run, asked: readonly Asked[]): Promise<void> {
  const { read, data, home } = run;
  await readOn(data, read);
  const byCall = new Map([...read.attempts.values()].map((attempt) => [attempt.callId, attempt]));
  for (const one of asked) {
    if (one.status !== 200) continue;
    const attempt = byCall.get(String(one.callId));
    // Whoever was answered at all was answered under a durable hold.
    expect([one.key, attempt?.key]).toEqual([one.key, one.key]);
    if (one.cost !== null) expect([one.key, attempt?.state, attempt?.posted]).toEqual([one.key, "posted", one.cost]);
  }
  const open = openAttempts(read);
  expect(open.filter(({ state, presumedReason }) => state !== "presumed" || presumedReason !== "crash")).toEqual([]);
  // Most rounds ask the route that the command line calls, which takes a tenth of the time.
  const answer =
    run.starts.length % BY_COMMAND_EVERY === 0
      ? (await bursarHere<Listed>(home, ["hold", "list", "--limit", "10000", "--data", data])).answer
      : ((await (await fetch(`${run.starts.at(-1)?.url}/api/v1/holds?limit=10000`)).json()) as Listed);
  expect(answer.holds.every((hold) => hold.state === "presumed" && hold.presumed_reason === "crash")).toBe(true);
  expect(answer.holds.map((hold) => hold.attempt_id).sort()).toEqual(open.map((attempt) => attempt.attemptId).sort());
  expect(answer.total).toBe(open.length);
}

/** Starts the gateway of a round, with the point at which it is to die. */
async function start(run: Run, round: number): Promise<Serving> {
  run.signal.throwIfAborted();
  const gateway = await startGateway({ ...run, failpoint: run.size.failpoints?.[round]?.() ?? null });
  run.starts.push(gateway);
  return gateway;
}

/** Longest that a load takes to bring a gateway to any failpoint. */
const POINT_MS = 60_000;

async function diesByItself(gateway: Serving, round: number): Promise<void> {
  const late = sleep(POINT_MS, "late", { ref: false });
  if ((await Promise.race([gateway.gone, late])) !== "late") return;
  await gateway.kill();
  throw new Error(`The gateway of round ${round} never came to its failpoint.`);
}

/** One life of the gateway: load, kill, start again, look. Answers the gateway that runs now. */
async function liveAndDie(run: Run, gateway: Serving, round: number): Promise<Serving> {
  const { clients, seed, loadMs } = run.size;
  const [least, most] = loadMs;
  const load = startLoad({ url: gateway.url, round, clients, seed: seed + round });
  if (run.size.failpoints === undefined) {
    // From the first answer on: a busy machine takes its time to come that far.
    await load.begun;
    await sleep(least + run.chance(most - least));
    await load.ended(() => gateway.kill());
  } else {
    load.begun.catch(() => {
      // Nobody need be answered before the gateway dies; what a client finds wrong is thrown by `ended`.
    });
    await load.ended(() => diesByItself(gateway, round));
  }
  run.asked.push(...load.asked);
  const next = await start(run, round + 1);
  await expectRecovered(run, load.asked);
  return next;
}

/**
 * Per call: posted exactly as billed, or covered by what is held for it, or beyond it for a named cause. What the provider
 * had made when a stream was cut or its gateway killed, and the gateway had not passed on, may be billed beyond what was
 * held (U3, in flight): answers that, in nano-dollars by call. However long the gateway did not get to run, it never
 * passes on what is not held: all that the client has seen is covered, and what is beyond is what it has not seen.
 */
function expectCovered(run: Pick<Run, "read" | "asked">, bill: readonly BilledCall[]): Map<string, bigint> {
  const { read, asked } = run;
  const byKey = new Map([...read.attempts.values()].map((attempt) => [attempt.key, attempt]));
  expect(byKey.size).toBe(read.attempts.size);
  const events = new Map(asked.map((one) => [one.key, one.events]));
  const inFlight = new Map<string, bigint>();
  for (const line of bill) {
    const attempt = byKey.get(line.key);
    const nano = BigInt(line.nano_usd);
    // No byte goes upstream without a durable hold.
    expect([line.key, attempt?.key]).toEqual([line.key, line.key]);
    if (attempt === undefined) continue;
    const seen = { ...attempt, billed: nano, output: line.output, events: events.get(line.key) ?? 0 };
    if (attempt.state === "voided") expect(seen).toMatchObject({ billed: 0n });
    else if (attempt.state === "posted" && attempt.evidence === "provider") expect(seen).toMatchObject({ posted: nano });
    else if (attempt.overrun === null) {
      const beyond = nano - (attempt.state === "posted" ? attempt.posted : attempt.held);
      if (beyond <= 0n) continue;
      const unseen = BigInt(line.output - seen.events) * (OUTPUT_NANO[line.model] ?? 0n);
      expect(seen).toSatisfy(() => beyond <= unseen && (attempt.state === "presumed" || attempt.outcome === "cut"));
      inFlight.set(line.key, beyond);
    }
  }
  return inFlight;
}

/** The longest time in which what was in flight was made. */
function longestMs(bill: readonly BilledCall[], inFlight: ReadonlyMap<string, bigint>): number {
  const times = bill.map(({ key, model }) => {
    const tokens = Number(inFlight.get(key) ?? 0n) / Number(OUTPUT_NANO[model] ?? 1n);
    return (tokens * 1_000) / LONG_PER_SECOND;
  });
  return Math.round(Math.max(0, ...times));
}

function sumBy<T>(items: readonly T[], of: { group: (item: T) => string; amount: (item: T) => bigint }): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const item of items) sums.set(of.group(item), (sums.get(of.group(item)) ?? 0n) + of.amount(item));
  return sums;
}

/** No budget was spent beyond its limit and its named overruns: by the ledger's figures, and by the provider's bill. */
async function expectNotOverspent(run: Run, bill: readonly BilledCall[], inFlight: Map<string, bigint>): Promise<void> {
  const { violations, state } = await verifyFile(run.data);
  expect(violations).toEqual([]);
  const byKey = new Map(run.asked.map((one) => [one.key, one]));
  const nano = ({ key, nano_usd }: BilledCall): bigint => BigInt(nano_usd) - (inFlight.get(key) ?? 0n);
  const billed: Record<string, Map<string, bigint>> = {
    org: sumBy(bill, { group: () => "", amount: nano }),
    "agent-rate": sumBy(bill, { group: (line) => byKey.get(line.key)?.agent ?? "", amount: () => 1n }),
    "task-cap": sumBy(bill, { group: (line) => byKey.get(line.key)?.task ?? "", amount: nano }),
  };
  const standing = new Map([...state.accounts.values()].map((one) => [`${one.budget} ${one.group.join(",")}`, one]));
  for (const [budget, sums] of Object.entries(billed)) {
    const limit = state.budgets.get(budget)?.budget.limit ?? 0n;
    for (const [group, amount] of sums) {
      const account = standing.get(`${budget} ${group}`);
      const most = limit + (account?.overrun ?? 0n);
      expect([budget, group, account !== undefined && account.used + account.held <= most]).toEqual([budget, group, true]);
      expect([budget, group, amount <= most]).toEqual([budget, group, true]);
    }
  }
}

async function post(url: string, body: object): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  return (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

/** Holds that are settled by the command line; the others by the route that it calls, which takes a tenth of the time. */
const BY_COMMAND = 20;

/** Settles every presumed hold by hand, as a person would who has the provider's bill beside them. */
async function resolveByHand(run: Run, bill: readonly BilledCall[], gateway: Serving): Promise<number> {
  const { read, home, data } = run;
  const billed = new Map(bill.map((line) => [line.key, BigInt(line.nano_usd)]));
  const presumed = openAttempts(read);
  for (const [index, { attemptId, key }] of presumed.entries()) {
    const nano = billed.get(key);
    const how = nano === undefined ? { void: true } : { post: usdText(nano) };
    const reason = nano === undefined ? "not on the bill" : "bill";
    const flags = how.post === undefined ? ["--void"] : ["--post", how.post];
    const line = ["hold", "resolve", attemptId, ...flags, "--reason", reason, "--data", data];
    // The first by the binary itself.
    const answer =
      index >= BY_COMMAND
        ? await post(`${gateway.url}/api/v1/holds/${attemptId}/resolve`, { ...how, reason })
        : (await (index === 0 ? bursar<object> : bursarHere<object>)(home, line)).answer;
    expect(answer).toMatchObject({ attempt_id: attemptId, state: nano === undefined ? "voided" : "posted", changed: true });
  }
  return presumed.length;
}

/** With everything settled both books are equal, nothing is held, and the whole log is as it should be. */
async function expectSettled(run: Run, bill: readonly BilledCall[]): Promise<void> {
  const { read, home, data } = run;
  await readOn(data, read);
  expect(openAttempts(read)).toEqual([]);
  // A stream that the budget cut is posted at what was held; all else is posted at what was billed.
  const cut = new Set([...read.attempts.values()].filter(({ outcome }) => outcome === "cut").map(({ key }) => key));
  const posted = [...read.attempts.values()].filter(({ key }) => !cut.has(key)).reduce((sum, one) => sum + one.posted, 0n);
  const billed = bill.filter(({ key }) => !cut.has(key)).reduce((sum, line) => sum + BigInt(line.nano_usd), 0n);
  expect(usdText(posted)).toBe(usdText(billed));
  const listed = await bursar<Listed>(home, ["hold", "list", "--data", data]);
  expect(listed).toEqual({ code: 0, answer: { holds: [], total: 0, held_usd: "0.00" } });
  const verified = await bursar<{ violations: readonly unknown[] }>(home, ["verify", "--data", data]);
  expect(verified).toMatchObject({ code: 0, answer: { violations: [] } });
  const { state } = await verifyFile(data);
  expect([...state.accounts.values()].filter(({ held, presumed }) => held !== 0n || presumed !== 0n)).toEqual([]);
}

function median(values: readonly number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0);
}

function outcomeOf(run: Run, found: Pick<Outcome, "presumed" | "inFlight" | "inFlightMaxMs">): Outcome {
  const refused: Record<string, number> = {};
  for (const { refusedBy } of run.asked) if (refusedBy !== null) refused[refusedBy] = (refused[refusedBy] ?? 0) + 1;
  const ready = run.starts.map(({ readyMs }) => readyMs);
  return {
    calls: run.asked.length,
    acknowledged: run.asked.filter(({ cost }) => cost !== null).length,
    refused,
    extensions: run.read.extensions,
    ...found,
    startCpuMedianMs: median(run.starts.map(({ cpuMs }) => cpuMs)),
    readyLeastMs: Math.round(Math.min(...ready)),
    readyMedianMs: median(ready),
    readyMaxMs: Math.round(Math.max(...ready)),
  };
}

/** Kills between two lines of progress. */
const PROGRESS_EVERY = 25;

async function runAll(run: Run): Promise<Outcome> {
  let gateway = await start(run, 0);
  for (let round = 0; round < run.size.kills; round++) {
    gateway = await liveAndDie(run, gateway, round);
    if ((round + 1) % PROGRESS_EVERY === 0) console.log(`${round + 1} of ${run.size.kills} kills, ${run.asked.length} calls`);
  }
  const bill = await settledBill(run.simulator);
  const inFlight = expectCovered(run, bill);
  await expectNotOverspent(run, bill, inFlight);
  const presumed = await resolveByHand(run, bill, gateway);
  await expectSettled(run, bill);
  expect(await gateway.stop()).toBe(0);
  expect(await checkHistoryIn(run.data)).toMatchObject({ problems: [], pending: [], presumed: [] });
  return outcomeOf(run, { presumed, inFlight: inFlight.size, inFlightMaxMs: longestMs(bill, inFlight) });
}

/**
 * Kills a gateway under load again and again over one ledger, and checks after each start and at the end. Everything it
 * starts is gone when it returns, or when `signal` says that the test ran out of time.
 */
export async function killAgainAndAgain(size: Size, signal: AbortSignal): Promise<Outcome> {
  const home = mkdtempSync(join(tmpdir(), "bursar-kill-gateway-"));
  const started: ChildProcess[] = [];
  const killAll = (): void => {
    for (const child of started) child.kill("SIGKILL");
  };
  signal.addEventListener("abort", killAll);
  try {
    const simulator = await startSimulator({ home, started });
    const config = join(home, "bursar.yaml");
    writeFileSync(config, configOf({ simulator: simulator.url, kills: size.kills }));
    const at = { size, home, data: join(home, "data"), config, simulator, started, signal, chance: openChance(size.seed) };
    return await runAll({ ...at, read: nothingRead(), asked: [], starts: [] });
  } finally {
    signal.removeEventListener("abort", killAll);
    killAll();
    rmSync(home, { recursive: true, force: true });
  }
}
