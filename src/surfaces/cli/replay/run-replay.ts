/**
 * Replays recorded traffic against a gateway and compares the two books afterwards. Works page by page, so that its
 * memory does not grow with the trace. Money path: fails closed — what cannot be compared is a failed check.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Output } from "../print.js";
import { type Books, openBooks } from "./books.js";
import { type CallAccount, foldEntry } from "./call-account.js";
import { openBodies } from "./call-body.js";
import { fleetOf, teamKeys } from "./fleet.js";
import { openPlanner, type PlannedCall } from "./planned-call.js";
import type { Result } from "./report.js";
import { openRig, type Rig } from "./rig.js";
import { type Survey, surveyCalls } from "./survey.js";
import { countPage, emptyTally, type Tally } from "./tally.js";
import { openTrace, type Trace } from "./trace.js";
import { openTraffic, type Seen, type Traffic } from "./traffic.js";

/** What is replayed, and how. */
export interface ReplayOptions {
  readonly file: string;
  /** How many times faster than recorded. */
  readonly speed: number;
  readonly agents: number;
  readonly limit?: number;
  readonly seed: string;
  /** Share of calls that meet a fault, in thousandths. */
  readonly faults_permille: number;
  readonly concurrency: number;
  /** A gateway and simulator that run already; without it the replay starts its own. */
  readonly target?: {
    readonly url: string;
    readonly simulator: string;
    readonly key: string;
    readonly adminToken: string | undefined;
  };
}

/** Rows whose books are compared together: bounds what the simulator and the replay remember. */
const PAGE_ROWS = 10_000;
const DRAIN_MS = 60_000;
const PROGRESS_MS = 1_000;

interface Running {
  readonly options: ReplayOptions;
  readonly trace: Trace;
  readonly survey: Survey;
  readonly books: Books;
  readonly traffic: Traffic;
  readonly tally: Tally;
  /** What clients saw on this page. */
  seen: Seen[];
  /** Last log entry that was read. */
  seq: number;
  sent: number;
}

async function* planned(trace: Trace, options: ReplayOptions): AsyncGenerator<PlannedCall> {
  const { seed, agents, faults_permille } = options;
  const planner = openPlanner({ seed, fleet: fleetOf(agents), faults_permille });
  for await (const row of trace.rows()) yield planner.next(row);
}

/** Waits until everything is settled, as long as the design allows (I7: 60 s), then compares the page. */
async function comparePage(running: Running): Promise<void> {
  const { books, traffic, tally } = running;
  await traffic.idle();
  const until = performance.now() + DRAIN_MS;
  while ((await books.pending()) > 0 && performance.now() < until) await sleep(50);
  const bill = await books.bill();
  const to = await books.lastSeq();
  const calls = new Map<string, CallAccount>();
  for await (const entry of books.entries(running.seq, to)) foldEntry(calls, entry);
  countPage(tally, { seen: running.seen, calls, bill });
  running.seen = [];
  running.seq = to;
  await books.clearBill();
}

async function replayRows(running: Running, stderr: Output): Promise<void> {
  const { options, trace, survey, traffic } = running;
  const started = performance.now();
  const progress = setInterval(() => {
    const seconds = Math.round((performance.now() - started) / 1000);
    stderr.write(`${seconds} s: ${running.sent} of ${survey.calls} calls sent, ${traffic.inFlight} in flight\n`);
  }, PROGRESS_MS);
  try {
    for await (const call of planned(trace, options)) {
      if (!(await traffic.send(call))) break;
      running.sent += 1;
      if (running.sent % PAGE_ROWS === 0) await comparePage(running);
    }
    await comparePage(running);
  } finally {
    clearInterval(progress);
  }
}

async function rigFor(options: ReplayOptions, survey: Survey, stderr: Output): Promise<Rig> {
  const { target, seed } = options;
  if (target !== undefined) return { ...target, close: async () => undefined };
  const keys = teamKeys(fleetOf(options.agents), seed);
  return openRig({ seed, sizes: survey.sizes, keys, tell: (line) => stderr.write(`${line}\n`) });
}

/** Runs a replay to its end. Throws BursarError: `invalid_request` for a trace that cannot be read, others for books that cannot. */
export async function runReplay(
  options: ReplayOptions,
  io: { readonly stderr: Output; readonly signal: AbortSignal },
): Promise<Result> {
  const started = performance.now();
  const { target, seed, speed, concurrency } = options;
  const trace = await openTrace(options.file, options.limit);
  const survey = await surveyCalls(() => planned(trace, options));
  const keys = teamKeys(fleetOf(options.agents), seed);
  const rig = await rigFor(options, survey, io.stderr);
  const books = openBooks({ url: rig.url, simulator: rig.simulator, adminToken: target?.adminToken });
  const running: Running = {
    options,
    trace,
    survey,
    books,
    tally: emptyTally(),
    seen: [],
    seq: 0,
    sent: 0,
    traffic: openTraffic({
      url: rig.url,
      bodies: openBodies(seed),
      keyOf: (call) => target?.key ?? keys.get(call.agent.team) ?? "",
      speed,
      concurrency,
      seen: (_, seen) => running.seen.push(seen),
      signal: io.signal,
    }),
  };
  try {
    running.seq = await books.lastSeq();
    await books.clearBill();
    await replayRows(running, io.stderr);
    const verified = await books.verify();
    const seconds = (performance.now() - started) / 1000;
    return { file: options.file, format: trace.format, seed, seconds, tally: running.tally, verified };
  } finally {
    await running.traffic.close();
    await books.close();
    await rig.close();
  }
}
