import diagnostics from "node:diagnostics_channel";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { expect } from "vitest";
import type { Entry, EntryType } from "../../src/accounting/ledger/entry.js";
import { loadConfig } from "../../src/config/load.js";
import { openSimulatorServer } from "../../src/providers/simulated/server.js";
import { openServer, type RunningServer } from "../../src/surfaces/assemble.js";
import { systemClock } from "../../src/surfaces/system-clock.js";

/** One line of the simulated provider's own bill. */
export interface BillLine {
  readonly id: string;
  readonly status: number;
  readonly ended: string;
  readonly input: number;
  readonly output: number;
  readonly nano_usd: string;
}

/** What the simulated provider charges, by its own arithmetic. */
export interface Bill {
  readonly calls: number;
  readonly nano_usd: string;
  readonly by_call: readonly BillLine[];
}

/** A whole Bursar on real sockets: gateway, SQLite ledger, and the simulated provider behind a socket of its own. */
export interface RunningBursar {
  readonly url: string;
  readonly simulatorUrl: string;
  readonly server: RunningServer;
  readonly directory: string;
  readonly configPath: string;
  /** Lines told to the operator so far. */
  readonly told: readonly string[];
  /** Official clients as users make them; nothing but base URL and key is set. */
  openai(key?: string, path?: string): OpenAI;
  anthropic(key?: string, path?: string): Anthropic;
  bill(): Promise<Bill>;
  entries<T extends EntryType>(type: T): Promise<Extract<Entry, { type: T }>[]>;
  /** Requests that reached the gateway's data plane since the last time this was asked. */
  requests(): number;
  /** GET of the control plane. */
  ask<T>(path: string): Promise<T>;
  /** Resolves once no attempt is in flight and no hold is pending; fails after five seconds. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Steering headers of the simulated provider, as the official clients take them. */
export function sim(steer: Record<string, string | number>): { headers: Record<string, string> } {
  return { headers: Object.fromEntries(Object.entries(steer).map(([name, value]) => [`x-sim-${name}`, String(value)])) };
}

const KEYS = `
  - { name: platform, token: platform-key, team: platform, attribution: headers }
  - { name: bound, token: bound-key, team: cx, agent: support-bot }
  - { name: spent-402, token: spent-402, exhausted_status: 402, attribution: headers }
  - { name: spent-429, token: spent-429, exhausted_status: 429, attribution: headers }
  - { name: spent-403, token: spent-403, exhausted_status: 403, attribution: headers }
  - { name: spent-400, token: spent-400, exhausted_status: 400, attribution: headers }`;

/** The configuration file of a test: `more` are further lines of YAML, budgets first; `providers` are lines too. */
export function configText(of: { simulatorUrl: string; more: string; providers?: string }): string {
  return `version: 1
timezone: UTC
providers:
  ${of.providers ?? `sim: { kind: simulated, base_url: "${of.simulatorUrl}/v1" }`}
keys:${KEYS}
${of.more}
`;
}

/** Counts requests that begin on a port, for as long as it is open. */
function openRequestCount(port: () => number): { taken(): number; close(): void } {
  let count = 0;
  const listener = (message: unknown): void => {
    const { request } = message as { request: { url: string; socket: { localPort: number } } };
    if (request.socket.localPort === port() && !request.url.startsWith("/api/")) count += 1;
  };
  diagnostics.subscribe("http.server.request.start", listener);
  return {
    taken() {
      const taken = count;
      count = 0;
      return taken;
    },
    close: () => void diagnostics.unsubscribe("http.server.request.start", listener),
  };
}

async function entriesOf<T extends EntryType>(server: RunningServer, type: T): Promise<Extract<Entry, { type: T }>[]> {
  const found: Extract<Entry, { type: T }>[] = [];
  for await (const entry of server.core.ledger.read(1)) {
    if (entry.type === type) found.push(entry as Extract<Entry, { type: T }>);
  }
  return found;
}

async function untilSettled({ core }: RunningServer): Promise<void> {
  const pending = (): number =>
    [...core.ledger.state().holds.values()].filter((hold) => hold.state === "pending").length + core.road.active.size;
  for (let waited = 0; pending() > 0; waited += 10) {
    if (waited > 5_000) throw new Error(`${pending()} attempts are not settled after 5 s`);
    await sleep(10);
  }
}

/** What stands between gateway and provider. */
export interface Behind {
  /** Is given the provider's address and answers the one to use. */
  readonly before?: (url: string) => Promise<string>;
  /** Lines of YAML instead of the one simulated provider. */
  readonly providers?: (url: string) => string;
}

/** Opens one with these lines of YAML (budgets and whatever else) over a fresh data directory. */
export async function openRunningBursar(more: string, { before, providers }: Behind = {}): Promise<RunningBursar> {
  const directory = mkdtempSync(join(tmpdir(), "bursar-e2e-"));
  const simulator = await openSimulatorServer({ clock: systemClock(), latency: "none", seed: "e2e" });
  const configPath = join(directory, "bursar.yaml");
  const simulatorUrl = before === undefined ? simulator.url : await before(simulator.url);
  const own = providers === undefined ? {} : { providers: providers(simulatorUrl) };
  writeFileSync(configPath, configText({ simulatorUrl, more, ...own }));
  const load = { env: {}, cwd: directory, flags: { config: configPath, data: join(directory, "data"), port: 0 } };
  const told: string[] = [];
  const tell = (line: string, error?: unknown): void => void told.push(error === undefined ? line : `${line} ${String(error)}`);
  const server = await openServer({ config: loadConfig(load), load, tell });
  const { url } = server;
  const counted = openRequestCount(() => server.port);
  return {
    url,
    simulatorUrl: simulator.url,
    server,
    directory,
    configPath,
    told,
    openai: (apiKey = "platform-key", path = "") => new OpenAI({ baseURL: `${url}${path}/v1`, apiKey }),
    anthropic: (apiKey = "platform-key", path = "") => new Anthropic({ baseURL: `${url}${path}`, apiKey }),
    bill: async () => (await (await fetch(`${simulator.url}/sim/bill`)).json()) as Bill,
    entries: (type) => entriesOf(server, type),
    requests: counted.taken,
    ask: async <T>(path: string) => (await (await fetch(`${url}/api/v1${path}`)).json()) as T,
    settled: () => untilSettled(server),
    async close() {
      counted.close();
      await server.close(2_000);
      await simulator.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * What every test against a running Bursar ends with (3-accounting: How it is tested): nothing pending, the chain is
 * valid, balances are the fold of the log, and what was billed is what was posted (`covered`: at least that).
 */
export async function standingChecks(at: RunningBursar, expected: "equal" | "covered" = "equal"): Promise<void> {
  await at.settled();
  const posted = (await at.entries("call.posted")).reduce((sum, entry) => sum + BigInt(entry.nano), 0n);
  const billed = BigInt((await at.bill()).nano_usd);
  if (expected === "equal") expect(billed - posted).toBe(0n);
  else expect(posted).toBeGreaterThanOrEqual(billed);
  const { violations, state } = await at.server.core.desk.verify();
  expect(violations).toEqual([]);
  const standing = ({ accounts }: typeof state) =>
    [...accounts.values()].map(({ id, used, held, overrun }) => [id, used, held, overrun]);
  expect(standing(at.server.core.ledger.state())).toEqual(standing(state));
}
