/**
 * The road of a call alone: read, identify, bound, hold, prepare, read the answer, cost, post, with six hard budgets, but
 * no HTTP and no disk; the provider answers from memory. Against parsing and writing the same two bodies as JSON, which is
 * what a proxy that looks into bodies does at least. The last row is the same road over a ledger that only nods and over
 * bodies that are read already: what lies between them. `npm run -s bench -- road [--calls 50000] [--rounds 3] [--json]`
 */
import { parseArgs } from "node:util";
import { openPriceBook } from "../src/accounting/price/price-book.js";
import type { CallRequest } from "../src/call/admissible.js";
import { openCallSignal } from "../src/call/call-signal.js";
import type { KeyIdentity } from "../src/call/identify.js";
import type { CallNeeds, Dialect, Upstream } from "../src/call/needs.js";
import { openRoad, type Road } from "../src/call/run-call.js";
import { openAiChat } from "../src/providers/openai/wire.js";
import { openEstimator } from "../src/surfaces/estimator.js";
import { openCallIds, systemClock } from "../src/surfaces/system-clock.js";
import { median, report, shown } from "./rig/figures.js";
import { openQuietLedger, stillLedger } from "./rig/quiet-ledger.js";
import { RATES, sixBudgets } from "./rig/six-budgets.js";

const MODEL = "gpt-4o-mini";
/** Calls at the same time, as 64 clients would have them. */
const IN_FLIGHT = 64;
const AGENTS = 50;
const KEY: KeyIdentity = { name: "bench", team: "cx", trusts_attribution: true };

const request = Buffer.from(
  JSON.stringify({
    model: MODEL,
    max_tokens: 128,
    messages: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: "Please tell me in one sentence why the sky is blue. ".repeat(8) },
    ],
  }),
);
const answer = Buffer.from(
  JSON.stringify({
    id: "chatcmpl-bench",
    object: "chat.completion",
    created: 1_764_000_000,
    model: MODEL,
    choices: [{ index: 0, message: { role: "assistant", content: "The quick brown fox. ".repeat(20) }, finish_reason: "stop" }],
    usage: { prompt_tokens: 115, completion_tokens: 96, total_tokens: 211 },
  }),
);

const unread: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => {
    throw new Error("A whole reply is read whole");
  },
};
const whole = (): Promise<Uint8Array> => Promise.resolve(answer);

/** A provider that has answered before it is asked. */
const upstream: Upstream = {
  name: "memory",
  simulated: false,
  unbilled: () => false,
  headers_allowed: () => false,
  async send() {
    return { status: 200, headers: { "content-type": "application/json" }, body: unread, whole };
  },
};

async function benchNeeds(rate: string): Promise<CallNeeds> {
  const clock = systemClock();
  const prices = openPriceBook();
  const price = prices.resolve({ provider: "openai", model: MODEL, at: clock.now() });
  if (price === null) throw new Error(`No price is known for ${MODEL}`);
  const candidates = [{ upstream, provider: "openai", model: MODEL, canonical: price.model, price, dearest: price }];
  return {
    clock,
    newId: openCallIds(),
    ledger: await openQuietLedger(clock, sixBudgets(RATES[rate] as { kind: "lifetime" })),
    prices,
    catalog: { candidates: () => candidates },
    estimator: openEstimator(),
    agent: () => ({ output_default: 8_192 }),
    observe: (event) => {
      if (event.kind === "fault") throw new Error(`A call failed: ${event.reason}`, { cause: event.error });
    },
    limits: {
      retries_max: 0,
      first_byte_ms: 5_000,
      idle_ms: 5_000,
      reply_bytes_max: 1_000_000,
      event_bytes_max: 1_000_000,
      drain_ms: 1_000,
    },
  };
}

/** The needs of a road that has nothing but itself to do: bodies as read once, accounts as one call left them. */
async function alone(needs: CallNeeds): Promise<{ needs: CallNeeds; dialect: Dialect }> {
  const parsed = openAiChat.read(request);
  const read = openAiChat.readReply(answer);
  const counted = needs.estimator.input(parsed, `openai/${MODEL}`);
  const road = openRoad(needs);
  const reply = await road.run(callOf(0, openAiChat));
  // Every agent's accounts are opened: what the road asks of them is then as quick as it gets.
  for (let agent = 1; agent < AGENTS; agent++) await road.run(callOf(agent, openAiChat));
  road.close();
  const ledger = stillLedger(needs.ledger, reply.facts.figures.remaining);
  return {
    needs: { ...needs, ledger, estimator: { input: () => counted } },
    dialect: { ...openAiChat, read: () => parsed, readReply: () => read, prepare: () => request },
  };
}

function callOf(agent: number, dialect: Dialect): CallRequest {
  return {
    dialect,
    query: "",
    body: request,
    headers: { "x-bursar-agent": `agent-${agent}`, "x-bursar-task": `task-${agent}`, "content-type": "application/json" },
    key: KEY,
    signal: openCallSignal(),
  };
}

/** CPU microseconds a call, this process, all threads. */
async function perCall(road: Road, dialect: Dialect, calls: number): Promise<number> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < calls) {
      const reply = await road.run(callOf(next++ % AGENTS, dialect));
      if (reply.kind !== "whole" || reply.status !== 200) throw new Error(`A call was answered by ${JSON.stringify(reply)}`);
    }
  };
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

/** CPU microseconds of parsing and writing both bodies. */
function perParse(calls: number): number {
  const before = process.cpuUsage();
  let bytes = 0;
  for (let n = 0; n < calls; n++) {
    for (const body of [request, answer]) bytes += Buffer.from(JSON.stringify(JSON.parse(body.toString("utf8")))).byteLength;
  }
  const { user, system } = process.cpuUsage(before);
  if (bytes !== calls * (request.byteLength + answer.byteLength)) throw new Error("The bodies changed by parsing");
  return (user + system) / calls;
}

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "50000" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const calls = Number(values.calls);
const rows: Record<string, Record<string, number>> = {};

async function measure(of: { needs: CallNeeds; dialect: Dialect }): Promise<Record<string, number>> {
  const road = openRoad(of.needs);
  const [own, parse]: [number[], number[]] = [[], []];
  // The first round only warms up.
  for (let round = 0; round <= Number(values.rounds); round++) {
    const measured = [await perCall(road, of.dialect, calls), perParse(calls)] as const;
    if (round === 0) continue;
    own.push(measured[0]);
    parse.push(measured[1]);
  }
  road.close();
  return {
    cpu_us_per_call: shown(median(own)),
    parse_us_per_call: shown(median(parse)),
    to_parse: shown(median(own) / median(parse)),
  };
}

for (const rate of Object.keys(RATES)) rows[rate] = await measure({ needs: await benchNeeds(rate), dialect: openAiChat });
rows["the road alone"] = await measure(await alone(await benchNeeds("rate per minute")));
report("road", { "six hard budgets, no HTTP, no disk": rows }, values.json);
