import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSimulatorServer } from "../../../src/providers/simulated/server.js";
import { type Bursar, openBursar } from "../../../src/surfaces/sdk/index.js";
import { systemClock } from "../../../src/surfaces/system-clock.js";
import { type Bill, openRunningBursar } from "../running-bursar.js";

/** How a program reaches Bursar: by changing its base URL, or in its own process. */
export type DoorKind = "gateway" | "in process";

/** Whose client it is. */
export type Provider = "openai" | "anthropic" | "google";

const OWN_URLS: Readonly<Record<Provider, string>> = {
  openai: "https://api.openai.com",
  anthropic: "https://api.anthropic.com",
  google: "https://generativelanguage.googleapis.com",
};

/** What a client is made with. */
export interface Way {
  readonly kind: DoorKind;
  /** Root of the client's base URL: Bursar's at the gateway, the provider's own in process. */
  url(provider: Provider): string;
  readonly key: string;
  /** Where the simulated provider itself listens. */
  readonly simulatorUrl: string;
  /** For clients that take a `fetch`. */
  readonly fetch: typeof globalThis.fetch;
  /** For clients that are wrapped; through the gateway they stay as they are. */
  wrap<T extends object>(client: T): T;
  /** The SDK itself; null at the gateway. */
  readonly bursar: Bursar | null;
}

/** One way in, with a simulated provider behind it on a socket of its own. Budgets are told apart by agent. */
export interface Door extends Way {
  /** Requests that asked for permission since this was last asked: at the gateway by its socket, in process by the ledger. */
  tries(agent: string): Promise<number>;
  bill(): Promise<Bill>;
  /** What the ledger has posted in all, in nano-dollars. */
  posted(): Promise<bigint>;
  /** What the budget of the tight agent has left for this task, and what is held of it. */
  leftOf(task: string): Promise<{ readonly left: string; readonly held: string } | undefined>;
  /** Resolves once nothing is held and nothing is in flight; fails after five seconds. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Agent `roomy` may do anything, a task of `tight` has 2,500 tokens, `spent` has nothing left. */
const BUDGETS = `budgets:
  - { name: roomy, match: { agent: roomy }, limit: { usd: 100 } }
  - { name: tight, match: { agent: tight }, per: [task], limit: { tokens: 2500 } }
  - { name: spent, match: { agent: spent }, limit: { usd: 0.000000001 } }
limits: { drain_timeout: 1s }`;

interface Account {
  readonly group: readonly string[];
  readonly left: string;
  readonly held: string;
}

function accountOf(budget: unknown, task: string): Account | undefined {
  return (budget as { accounts: readonly Account[] }).accounts.find(({ group }) => group[0] === task);
}

async function gatewayDoor(): Promise<Door> {
  const at = await openRunningBursar(BUDGETS);
  return {
    kind: "gateway",
    url: () => at.url,
    key: "platform-key",
    simulatorUrl: at.simulatorUrl,
    fetch: globalThis.fetch,
    wrap: (client) => client,
    bursar: null,
    tries: async () => at.requests(),
    bill: at.bill,
    posted: async () => (await at.entries("call.posted")).reduce((sum, entry) => sum + BigInt(entry.nano), 0n),
    leftOf: async (task) => accountOf(await at.ask("/budgets/tight"), task),
    settled: at.settled,
    close: at.close,
  };
}

interface Status {
  readonly agents: Readonly<Record<string, { readonly calls: number; readonly refused: number }>>;
  readonly global: { readonly total_cost_usd: string; readonly held_usd: string };
}

const nanoOf = (usd: string): bigint => BigInt(Math.round(Number(usd) * 1e9));

async function inProcessDoor(): Promise<Door> {
  const folder = mkdtempSync(join(tmpdir(), "bursar-clients-"));
  const simulator = await openSimulatorServer({ clock: systemClock(), latency: "none", seed: "e2e" });
  const config = join(folder, "bursar.yaml");
  const provider = `sim: { kind: simulated, base_url: "${simulator.url}/v1" }`;
  writeFileSync(config, `version: 1\nproviders:\n  ${provider}\n${BUDGETS}\n`);
  const bursar = await openBursar({ data: join(folder, "data"), env: {}, config });
  const status = async (): Promise<Status> => (await bursar.status()) as Status;
  const asked = new Map<string, number>();
  return {
    kind: "in process",
    url: (provider) => OWN_URLS[provider],
    key: "own-key",
    simulatorUrl: simulator.url,
    fetch: bursar.fetch,
    wrap: bursar.wrap,
    bursar,
    async tries(agent) {
      const { refused = 0 } = (await status()).agents[agent] ?? {};
      const since = refused - (asked.get(agent) ?? 0);
      asked.set(agent, refused);
      return since;
    },
    bill: async () => (await (await fetch(`${simulator.url}/sim/bill`)).json()) as Bill,
    posted: async () => nanoOf((await status()).global.total_cost_usd),
    leftOf: async (task) => accountOf(await bursar.ask("budget show", { name: "tight" }), task),
    async settled() {
      for (let waited = 0; (await status()).global.held_usd !== "0.00"; waited += 20) {
        if (waited > 5_000) throw new Error("Something is held after 5 s.");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async close() {
      await bursar.close();
      await simulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Opens one way in. */
export function openDoor(kind: DoorKind): Promise<Door> {
  return kind === "gateway" ? gatewayDoor() : inProcessDoor();
}
