/**
 * The demo: a Bursar of its own with its own ledger, five agents at work, and one of them stopped in its loop. Money path:
 * fails closed — nothing but the built-in simulator is ever called.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BursarError } from "../../../accounting/errors.js";
import { usdText } from "../../../accounting/units/money.js";
import { loadConfig } from "../../../config/load.js";
import { openServer, type RunningServer } from "../../assemble.js";
import { type CallAccount, foldEntry } from "../replay/call-account.js";
import { type Check, checksOf } from "../replay/report.js";
import { countPage, emptyTally, type Tally } from "../replay/tally.js";
import { DEMO_AGENTS } from "./demo-agents.js";
import { demoConfig, demoKeys, TASK_CAP } from "./demo-config.js";
import { type Worked, type Workplace, workAs } from "./work.js";

/** How the demo runs. */
export interface DemoOptions {
  readonly port: string;
  /** Keeps the ledger here; without it the ledger goes when the demo ends. */
  readonly data?: string;
  /** Without the pauses that let a person follow. */
  readonly fast: boolean;
}

/** A demo whose agents are done; its server goes on until `close`. */
export interface Demo {
  readonly url: string;
  readonly worked: readonly Worked[];
  readonly tally: Tally;
  readonly checks: readonly Check[];
  close(): Promise<void>;
}

/** Where to talk, and when to stop. */
export interface DemoIo {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Agents begin one after another, this far apart, and think this long between calls. */
const APART_MS = 3_000;
const THINK_MS = 2_500;

async function compare(server: RunningServer, worked: readonly Worked[]): Promise<{ tally: Tally; checks: readonly Check[] }> {
  const simulator = server.core.providing().providers[0]?.simulator;
  if (simulator === null || simulator === undefined)
    throw new BursarError("internal", "The demo's provider is not the simulator.");
  const calls = new Map<string, CallAccount>();
  for await (const entry of server.core.ledger.read(1)) foldEntry(calls, entry);
  const tally = emptyTally();
  const bill = simulator.bill().by_call.map(({ nano_usd, ...line }) => ({ ...line, nano: nano_usd }));
  countPage(tally, { seen: worked.flatMap((one) => one.seen), calls, bill });
  const { violations, entries } = await server.core.desk.verify();
  const verified = { ok: violations.length === 0, entries, violations: violations.length };
  const finished = worked.filter((one) => !one.agent.loops && one.refusal === null).length;
  const others = worked.filter((one) => !one.agent.loops).length;
  const looped = worked.find((one) => one.agent.loops);
  return {
    tally,
    checks: [
      {
        name: `the looping agent is stopped by ${TASK_CAP}`,
        ok: looped?.refusal?.budget === TASK_CAP,
        found: looped?.refusal?.budget ?? "not stopped",
      },
      { name: "the others finish", ok: finished === others, found: `${finished} of ${others}` },
      ...checksOf({ tally, verified }),
    ],
  };
}

function introduce(server: RunningServer, say: DemoIo["say"]): void {
  say(`Bursar's demo fleet. Everything is simulated, at real prices; no provider is called. Dashboard: ${server.url}/`);
  say(`Five agents, the planning table's budgets, and ${TASK_CAP}: $1.50 for each task. Watch research-bot.`);
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    // Asked to stop: there is nothing to wait for any more.
    if (!signal.aborted) throw error;
  });
}

/** Starts the demo's server and lets its agents work to their ends. Throws BursarError, or the system's error for a port that is taken. */
export async function runDemo(options: DemoOptions, io: DemoIo): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), "bursar-demo-"));
  const keys = demoKeys();
  const file = join(folder, "bursar.yaml");
  await writeFile(file, demoConfig(keys), { mode: 0o600 });
  const flags = { config: file, data: options.data ?? join(folder, "data"), port: options.port, host: "127.0.0.1" };
  const config = loadConfig({ flags, env: {}, cwd: folder });
  const clear = (): Promise<void> => rm(folder, { recursive: true, force: true });
  let server: RunningServer;
  try {
    server = await openServer({ config, tell: io.say, simulator: { latency: options.fast ? "none" : "model" } });
  } catch (error) {
    await clear();
    throw error;
  }
  async function close(): Promise<void> {
    await server.close();
    await clear();
  }
  try {
    introduce(server, io.say);
    const pause = (): Promise<void> => (options.fast ? Promise.resolve() : pauseFor(THINK_MS, io.signal));
    const place: Workplace = { url: server.url, keys, say: io.say, pause, signal: io.signal };
    const work = DEMO_AGENTS.map(async (agent, index) => {
      if (!options.fast) await pauseFor(index * APART_MS, io.signal);
      return workAs(agent, place);
    });
    const worked = await Promise.all(work);
    return { url: server.url, worked, ...(await compare(server, worked)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The demo as JSON. */
export function demoJson(demo: Demo): Readonly<Record<string, unknown>> {
  const { url, worked, tally, checks } = demo;
  return {
    url,
    agents: worked.map(({ agent, calls, spent, refusal }) => ({
      name: agent.name,
      type: agent.type,
      task: agent.task,
      calls,
      spent_usd: usdText(spent),
      finished: refusal === null,
      refused_by: refusal?.budget ?? null,
      refusal: refusal?.message ?? null,
    })),
    posted_usd: usdText(tally.spent.nano),
    bill_usd: usdText(tally.bill.nano),
    difference_nano: String(tally.bill.nano - tally.spent.nano),
    checks,
  };
}
