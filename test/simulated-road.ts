import type { Budget } from "../src/accounting/budget/budget.js";
import { openPriceBook } from "../src/accounting/price/price-book.js";
import type { CallRequest } from "../src/call/admissible.js";
import type { CallLimits, CallObserved, Dialect } from "../src/call/needs.js";
import type { CallReply } from "../src/call/reply.js";
import { openRoad, type Road } from "../src/call/run-call.js";
import { anthropicMessagesDialect } from "../src/providers/anthropic/wire.js";
import { DIALECTS } from "../src/providers/dialects.js";
import { openAiChat } from "../src/providers/openai/wire.js";
import { openSimulated, type SimulatedUpstream } from "../src/providers/simulated/open-simulated.js";
import type { OpenLedger } from "../src/stores/journal.js";
import { openMemory } from "../src/stores/memory/open-memory.js";
import { openCatalog } from "../src/surfaces/catalog.js";
import { openEstimator } from "../src/surfaces/estimator.js";
import { systemClock } from "../src/surfaces/system-clock.js";

export interface SimulatedRoad {
  readonly road: Road;
  readonly ledger: OpenLedger;
  readonly simulator: SimulatedUpstream;
  readonly observed: CallObserved[];
  call(body: object, headers?: Record<string, string>, over?: Partial<CallRequest>): Promise<CallReply>;
}

const LIMITS: CallLimits = {
  retries_max: 2,
  first_byte_ms: 10_000,
  idle_ms: 10_000,
  reply_bytes_max: 10_000_000,
  event_bytes_max: 1_000_000,
  drain_ms: 300,
};

/** The whole road over the memory store (or a given ledger) and the simulated provider in process, without delays. */
export async function openSimulatedRoad(options: {
  budgets: readonly Budget[];
  ledger?: OpenLedger;
  seed?: string;
}): Promise<SimulatedRoad> {
  const clock = systemClock();
  const ledger = options.ledger ?? (await openMemory({ clock }));
  await ledger.apply([{ type: "declare", budgets: options.budgets, actor: "test", reason: "test" }]);
  const simulator = openSimulated({ clock, latency: "none", seed: options.seed ?? "test" });
  const prices = openPriceBook();
  const observed: CallObserved[] = [];
  let count = 0;
  const road = openRoad({
    clock,
    newId: () => `call_${(count++).toString().padStart(9, "0")}`,
    ledger,
    prices,
    catalog: openCatalog({
      prices,
      providers: [
        {
          name: "sim",
          kind: "simulated",
          free: false,
          upstreams: new Map([...DIALECTS.keys()].map((name) => [name, simulator])),
        },
      ],
    }),
    estimator: openEstimator(),
    agent: () => ({ output_default: 8_192 }),
    observe: (event) => observed.push(event),
    limits: LIMITS,
  });
  return {
    road,
    ledger,
    simulator,
    observed,
    call(body, headers = {}, over = {}) {
      const anthropic = String((body as { model?: unknown }).model).startsWith("claude");
      const dialect: Dialect = anthropic ? anthropicMessagesDialect : openAiChat;
      return road.run({
        dialect,
        query: "",
        body: Buffer.from(JSON.stringify(body)),
        headers,
        key: { name: "k", trusts_attribution: true },
        signal: new AbortController().signal,
        ...over,
      });
    },
  };
}

/** Sum of everything posted, in nano-dollars. */
export async function postedNano(ledger: OpenLedger): Promise<bigint> {
  let sum = 0n;
  for await (const entry of ledger.read(1)) if (entry.type === "call.posted") sum += BigInt(entry.nano);
  return sum;
}

/** Reads a reply to its end, whatever its kind. */
export async function consume(reply: CallReply): Promise<string> {
  if (reply.kind !== "stream") return Buffer.from(reply.body).toString();
  const chunks: Uint8Array[] = [];
  for await (const part of reply.body) chunks.push(part);
  return Buffer.concat(chunks).toString();
}
