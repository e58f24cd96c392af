import type { Budget } from "../src/accounting/budget/budget.js";
import { openPriceBook } from "../src/accounting/price/price-book.js";
import type { CallRequest } from "../src/call/admissible.js";
import type { KeyIdentity } from "../src/call/identify.js";
import type {
  CallLimits,
  CallNeeds,
  CallObserved,
  CallSignal,
  Clock,
  Dialect,
  Upstream,
  UpstreamReply,
  UpstreamRequest,
} from "../src/call/needs.js";
import type { CallReply } from "../src/call/reply.js";
import { openRoad, type Road } from "../src/call/run-call.js";
import { openAiChat } from "../src/providers/openai/wire.js";
import type { OpenLedger } from "../src/stores/journal.js";
import { openMemory } from "../src/stores/memory/open-memory.js";
import { systemClock } from "../src/surfaces/system-clock.js";

const LIMITS: CallLimits = {
  retries_max: 2,
  first_byte_ms: 5_000,
  idle_ms: 5_000,
  reply_bytes_max: 1_000_000,
  event_bytes_max: 1_000_000,
  drain_ms: 200,
};

/** What a scripted upstream does with one request. */
export type Script = (request: UpstreamRequest, signal: CallSignal, number: number) => Promise<UpstreamReply> | UpstreamReply;

export interface TestRoad {
  readonly road: Road;
  readonly ledger: OpenLedger;
  readonly requests: UpstreamRequest[];
  readonly observed: CallObserved[];
  /** For a test to change before it calls. */
  readonly needs: { -readonly [K in keyof CallNeeds]: CallNeeds[K] };
  call(body: object, over?: Partial<CallRequest>): Promise<CallReply>;
}

export const KEY: KeyIdentity = { name: "k", trusts_attribution: true };

function scripted(script: Script, requests: UpstreamRequest[]): Upstream {
  return {
    name: "scripted",
    simulated: false,
    unbilled: (status) => status === 429 || status === 400,
    headers_allowed: () => false,
    async send(request, signal) {
      requests.push(request);
      return script(request, signal, requests.length);
    },
  };
}

/** A whole road over the memory store and one scripted upstream that speaks OpenAI Chat. */
export async function openTestRoad(options: {
  script: Script;
  budgets: readonly Budget[];
  limits?: Partial<CallLimits>;
  clock?: Clock;
  dialect?: Dialect;
}): Promise<TestRoad> {
  const clock = options.clock ?? systemClock();
  const dialect = options.dialect ?? openAiChat;
  const ledger = await openMemory({ clock });
  await ledger.apply([{ type: "declare", budgets: options.budgets, actor: "test", reason: "test" }]);
  const requests: UpstreamRequest[] = [];
  const observed: CallObserved[] = [];
  const prices = openPriceBook();
  const upstream = scripted(options.script, requests);
  let count = 0;
  const needs: CallNeeds = {
    clock,
    newId: () => `call${count++}`,
    ledger,
    prices,
    catalog: {
      candidates({ model, at }) {
        const price = prices.resolve({ provider: "openai", model, at });
        return [
          {
            upstream,
            provider: "openai",
            model,
            canonical: price?.model ?? `openai/${model}`,
            price,
            dearest: prices.dearest("openai", at),
          },
        ];
      },
    },
    estimator: {
      input: (request) => ({
        tokens: Math.ceil(request.body.byteLength / 4),
        exact: false,
        bytes: request.body.byteLength,
        unbounded: [],
      }),
    },
    agent: () => ({ output_default: 8_192 }),
    observe: (event) => observed.push(event),
    limits: { ...LIMITS, ...options.limits },
  };
  const road = openRoad(needs);
  return {
    road,
    ledger,
    requests,
    observed,
    needs,
    call: (body, over = {}) =>
      road.run({
        dialect,
        query: "",
        body: Buffer.from(JSON.stringify(body)),
        headers: {},
        key: KEY,
        signal: new AbortController().signal,
        ...over,
      }),
  };
}

/** One chat completion chunk as an event. */
export function chunk(over: object): string {
  return `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices: [], ...over })}\n\n`;
}

export function delta(content: string): string {
  return chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }], usage: null });
}

export function usageChunk(prompt: number, completion: number): string {
  return chunk({ usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion } });
}

/** An event stream as an upstream's answer. */
export function events(frames: AsyncIterable<string> | Iterable<string>): UpstreamReply {
  async function* body(): AsyncIterable<Uint8Array> {
    for await (const frame of frames) yield Buffer.from(frame);
  }
  return { status: 200, headers: { "content-type": "text/event-stream" }, body: body() };
}

export function whole(status: number, body: object | string): UpstreamReply {
  async function* bytes(): AsyncIterable<Uint8Array> {
    yield Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  }
  return { status, headers: { "content-type": "application/json" }, body: bytes() };
}

export function completion(prompt: number, output: number): object {
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "gpt-4o",
    choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }],
    usage: { prompt_tokens: prompt, completion_tokens: output, total_tokens: prompt + output },
  };
}

export async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const part of body) chunks.push(part);
  return Buffer.concat(chunks).toString();
}

/** Waits until no attempt of the road is in flight. */
export async function drained(road: Road): Promise<void> {
  for (let turn = 0; road.active.size > 0 && turn < 1_000; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
}
