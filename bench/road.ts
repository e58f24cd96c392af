/**
 * The road of a call alone: read, identify, bound, hold, prepare, read the answer, cost, post, with six hard budgets, but
 * no HTTP and no disk; the provider answers from memory. Against parsing and writing the same two bodies as JSON, which is
 * what a proxy that looks into bodies does at least. `npm run -s bench -- road [--calls 50000] [--rounds 3] [--json]`
 */
import { parseArgs } from "node:util";
import { openPriceBook } from "../src/accounting/price/price-book.js";
import type { CallRequest } from "../src/call/admissible.js";
import type { CallNeeds, Candidate, Upstream } from "../src/call/needs.js";
import { openRoad, type Road } from "../src/call/run-call.js";
import { openAiChat } from "../src/providers/openai/wire.js";
import { openEstimator } from "../src/surfaces/estimator.js";
import { openCallIds, systemClock } from "../src/surfaces/system-clock.js";
import { median, report, shown } from "./rig/figures.js";
import { openQuietLedger } from "./rig/quiet-ledger.js";
import { RATES, sixBudgets } from "./rig/six-budgets.js";

const MODEL = "gpt-4o-mini";
/** Calls at the same time, as 64 clients would have them. */
const IN_FLIGHT = 64;

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

/** A provider that has answered before it is asked. */
const upstream: Upstream = {
  name: "memory",
  simulated: false,
  unbilled: () => false,
  headers_allowed: () => false,
  async send() {
    async function* body(): AsyncGenerator<Uint8Array> {
      yield answer;
    }
    return { status: 200, headers: { "content-type": "application/json" }, body: body() };
  },
};

async function openBenchRoad(rate: string): Promise<Road> {
  const clock = systemClock();
  const prices = openPriceBook();
  const price = prices.resolve({ provider: "openai", model: MODEL, at: clock.now() });
  if (price === null) throw new Error(`No price is known for ${MODEL}`);
  const candidate: Candidate = { upstream, provider: "openai", model: MODEL, canonical: price.model, price, dearest: price };
  const needs: CallNeeds = {
    clock,
    newId: openCallIds(),
    ledger: await openQuietLedger(clock, sixBudgets(RATES[rate] as { kind: "lifetime" })),
    prices,
    catalog: { candidates: () => [candidate] },
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
  return openRoad(needs);
}

function callOf(agent: number): CallRequest {
  return {
    dialect: openAiChat,
    query: "",
    body: request,
    headers: { "x-bursar-agent": `agent-${agent}`, "x-bursar-task": `task-${agent}`, "content-type": "application/json" },
    key: { name: "bench", team: "cx", trusts_attribution: true },
    signal: new AbortController().signal,
  };
}

/** CPU microseconds a call, this process, all threads. */
async function perCall(road: Road, calls: number): Promise<number> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < calls) {
      const reply = await road.run(callOf(next++ % 50));
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
for (const rate of Object.keys(RATES)) {
  const road = await openBenchRoad(rate);
  const [own, parse]: [number[], number[]] = [[], []];
  // The first round only warms up.
  for (let round = 0; round <= Number(values.rounds); round++) {
    const measured = [await perCall(road, calls), perParse(calls)] as const;
    if (round === 0) continue;
    own.push(measured[0]);
    parse.push(measured[1]);
  }
  road.close();
  rows[rate] = {
    cpu_us_per_call: shown(median(own)),
    parse_us_per_call: shown(median(parse)),
    to_parse: shown(median(own) / median(parse)),
  };
}
report("road", { "six hard budgets, no HTTP, no disk": rows }, values.json);
