/** Sends planned calls to a gateway at their times, as clients would. Watching path of a replay: what a call came to is told, never judged here. */
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, type Dispatcher, request } from "undici";
import type { Bodies } from "./call-body.js";
import type { PlannedCall } from "./planned-call.js";

/** What a client saw of its call. */
export interface Seen {
  readonly key: string;
  /** `x-bursar-call-id`; null when no answer came. */
  readonly call_id: string | null;
  /** HTTP status; null when no answer came. */
  readonly status: number | null;
  /** It went away in the middle of the answer. */
  readonly left: boolean;
}

/** Sends calls. */
export interface Traffic {
  /**
   * Waits for its time and for a free place among those in flight, then sends; does not wait for the answer. False: it was
   * told to stop and did not send.
   */
  send(call: PlannedCall): Promise<boolean>;
  /** Resolves once nothing is in flight. */
  idle(): Promise<void>;
  readonly inFlight: number;
  close(): Promise<void>;
}

/** How traffic is sent. */
export interface TrafficOptions {
  readonly url: string;
  readonly bodies: Bodies;
  readonly keyOf: (call: PlannedCall) => string;
  /** How many times faster than recorded. */
  readonly speed: number;
  readonly concurrency: number;
  readonly seen: (call: PlannedCall, seen: Seen) => void;
  /** Aborts: nothing more is sent; what is in flight goes on. */
  readonly signal: AbortSignal;
}

function headersOf(call: PlannedCall, key: string): Record<string, string> {
  const { provider } = call.model;
  return {
    "content-type": "application/json",
    ...(provider === "anthropic" ? { "x-api-key": key, "anthropic-version": "2023-06-01" } : { authorization: `Bearer ${key}` }),
    "x-bursar-agent": call.agent.name,
    "x-bursar-task": call.task,
    "x-sim-key": call.key,
    "x-sim-seed": call.key,
    "x-sim-input-tokens": String(call.input),
    "x-sim-cached-tokens": String(call.cached),
    "x-sim-output-tokens": String(call.output),
    ...(call.fault === null ? {} : { "x-sim-fault": call.fault }),
  };
}

/** Reads an answer to its end; a client that leaves takes the first piece and closes the connection. */
async function readAnswer(body: Dispatcher.ResponseData["body"], leaves: boolean): Promise<void> {
  try {
    for await (const _ of body) if (leaves) break;
  } catch {
    // A stream that broke off: its client knows no more than that, and the log has the rest.
  } finally {
    body.on("error", () => undefined).destroy();
  }
}

async function sendOne(options: TrafficOptions, agent: Agent, call: PlannedCall): Promise<Seen> {
  const path = call.model.provider === "anthropic" ? "/v1/messages" : "/v1/chat/completions";
  try {
    const answer = await request(`${options.url}${path}`, {
      method: "POST",
      headers: headersOf(call, options.keyOf(call)),
      body: options.bodies.body(call),
      dispatcher: agent,
    });
    const left = call.leaves && answer.statusCode === 200;
    await readAnswer(answer.body, left);
    const id = answer.headers["x-bursar-call-id"];
    return { key: call.key, call_id: typeof id === "string" ? id : null, status: answer.statusCode, left };
  } catch {
    // No answer at all: counted as unanswered, and what the provider billed for it shows as a difference.
    return { key: call.key, call_id: null, status: null, left: false };
  }
}

/** Opens connections. The first call is sent at once and sets the clock. */
export function openTraffic(options: TrafficOptions): Traffic {
  const agent = new Agent({ connections: options.concurrency, pipelining: 1, headersTimeout: 300_000, bodyTimeout: 300_000 });
  let begun: { readonly at_ms: number; readonly now: number } | null = null;
  let inFlight = 0;
  let freed: (() => void) | null = null;

  /** Resolves at the next call that ends. */
  const oneEnds = (): Promise<void> => new Promise((resolve) => (freed = resolve));

  async function untilDue(call: PlannedCall): Promise<void> {
    begun ??= { at_ms: call.at_ms, now: performance.now() };
    const due = begun.now + (call.at_ms - begun.at_ms) / options.speed;
    const wait = due - performance.now();
    if (wait <= 1) return;
    await sleep(wait, undefined, { signal: options.signal }).catch((error: unknown) => {
      if (!options.signal.aborted) throw error;
    });
  }

  async function run(call: PlannedCall): Promise<void> {
    const seen = await sendOne(options, agent, call);
    inFlight -= 1;
    options.seen(call, seen);
    freed?.();
  }

  return {
    async send(call) {
      await untilDue(call);
      if (options.signal.aborted) return false;
      while (inFlight >= options.concurrency) await oneEnds();
      inFlight += 1;
      void run(call);
      return true;
    },
    async idle() {
      while (inFlight > 0) await oneEnds();
    },
    get inFlight() {
      return inFlight;
    },
    close: () => agent.close(),
  };
}
