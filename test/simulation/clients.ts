/** Clients of the road: they call, read at their own pace, come again with the same key, and leave when they like. */

import { openCallSignal } from "../../src/call/call-signal.js";
import type { KeyIdentity } from "../../src/call/identify.js";
import type { RequestTarget } from "../../src/call/message.js";
import type { Candidate } from "../../src/call/needs.js";
import type { CallReply } from "../../src/call/reply.js";
import type { Process } from "./process.js";
import { type Calling, type Dispatch, type ProviderOptions, upstreamFor } from "./provider.js";
import type { Random } from "./random.js";
import { later } from "./scheduler.js";
import type { Swarm } from "./swarm.js";
import type { Wire } from "./wires.js";

/** One call of a client. */
export interface ClientCall extends Calling {
  /** Name of the wire format. */
  readonly format: string;
  readonly owner: number;
  readonly dispatches: Dispatch[];
  readonly idempotency: string | null;
  /** The client has its answer, or has left. */
  over: boolean;
}

/** What a client sends. */
interface Wanted {
  readonly wire: Wire;
  readonly body: Uint8Array;
  readonly target?: RequestTarget;
  readonly models: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly key: KeyIdentity;
  readonly estimated: number;
}

/** How a client reads: fragments until it leaves (null: it stays), and how long it takes over each. */
interface Reading {
  readonly leavesAfter: number | null;
  readonly leavesBy: "signal" | "iterator" | "vanishing";
  readonly pauseMs: number;
  readonly abortsAtMs: number | null;
}

const FILLER = "Tell me more about the time when the people came home. ".repeat(60);
/** Three teams; one of them has two keys. */
const KEYS: readonly KeyIdentity[] = [
  { name: "red", team: "red", trusts_attribution: true },
  { name: "blue", team: "blue", trusts_attribution: true },
  { name: "blue-nightly", team: "blue", trusts_attribution: true },
  { name: "green", team: "green", trusts_attribution: true },
];

export interface Clients {
  /** Begins a call with a process; resolves when the client is done with it. */
  call(process: Process): Promise<void>;
  readonly calls: readonly ClientCall[];
}

export interface ClientsOptions {
  readonly random: Random;
  readonly swarm: Swarm;
  readonly provider: ProviderOptions;
  /** Says which call asks for its id next. */
  readonly naming: (call: ClientCall) => void;
  readonly wall: () => number;
  readonly onReply: (call: ClientCall, reply: CallReply) => void;
}

function drawWanted(random: Random, swarm: Swarm): Wanted {
  const wire = random.pick(swarm.wires);
  const [model, fallback] = random.pick(wire.models);
  const question = {
    model,
    stream: random.chance(0.6),
    cap: random.chance(0.5) ? random.between(1, 4_000) : null,
    content: FILLER.slice(0, random.pick([40, 200, 600, 3_000])),
    wants_usage: random.chance(0.5),
  };
  const { body: asked, target } = wire.ask(question);
  const body = Buffer.from(JSON.stringify(asked));
  const headers: Record<string, string> = { "x-bursar-agent": random.pick(swarm.agents) };
  if (random.chance(0.5)) headers["x-bursar-task"] = `t${random.between(1, 4)}`;
  return {
    wire,
    body,
    ...(target === undefined ? {} : { target }),
    models: random.chance(swarm.fallbacks) ? [model, fallback] : [model],
    headers,
    key: random.pick(KEYS),
    estimated: Math.ceil(body.byteLength / 4),
  };
}

function drawReading(random: Random, leaves: number): Reading {
  const leaving = random.chance(leaves);
  return {
    leavesAfter: leaving ? random.between(0, 6) : null,
    leavesBy: random.pick(["signal", "iterator", "vanishing"]),
    pauseMs: random.chance(0.1) ? random.between(10, 3_000) : 0,
    abortsAtMs: leaving && random.chance(0.4) ? random.next() * 300 : null,
  };
}

/** A key as it is sent: its owner stands before it only here. */
function keyHeader(idempotency: string | null): Readonly<Record<string, string>> {
  return idempotency === null ? {} : { "idempotency-key": idempotency.slice(idempotency.indexOf("/") + 1) };
}

/** What clients want next: something new, or with a key of before what was sent under it. */
function openWanting(random: Random, swarm: Swarm): () => { wanted: Wanted; idempotency: string | null } {
  const used = new Map<string, Wanted>();
  return () => {
    if (!random.chance(swarm.keys)) return { wanted: drawWanted(random, swarm), idempotency: null };
    const known = [...used.keys()].slice(-6);
    const idempotency = known.length > 0 && random.chance(0.6) ? random.pick(known) : `key-${used.size}`;
    const wanted = used.get(idempotency) ?? drawWanted(random, swarm);
    used.set(idempotency, wanted);
    return { wanted, idempotency: `${wanted.key.name}/${idempotency}` };
  };
}

export function openClients(options: ClientsOptions): Clients {
  const { random, swarm, provider } = options;
  const { scheduler } = provider;
  const calls: ClientCall[] = [];
  const wantedNow = openWanting(random, swarm);

  function candidatesFor(call: ClientCall, wanted: Wanted, process: Process): readonly Candidate[] {
    const at = options.wall();
    const { wire } = wanted;
    return wanted.models.map((model) => {
      const price = process.prices.resolve({ provider: wire.provider, model, at });
      const canonical = price?.model ?? `${wire.provider}/${model}`;
      const upstream = upstreamFor(provider, call, { owner: process.owner, model, wire });
      const dearest = process.prices.dearest(wire.provider, at);
      return { upstream, provider: wire.provider, model, canonical, price, dearest };
    });
  }

  async function read(process: Process, body: AsyncIterable<Uint8Array>, how: Reading, leave: () => void): Promise<void> {
    const iterator = body[Symbol.asyncIterator]();
    for (let count = 0; ; count++) {
      if (count === how.leavesAfter) {
        if (how.leavesBy === "iterator") await iterator.return?.();
        else if (how.leavesBy === "signal") leave();
        // The third kind says nothing and reads nothing any more.
        return;
      }
      const next = await iterator.next();
      if (next.done === true) return;
      provider.operations.read += 1;
      if (how.pauseMs > 0) await later(scheduler, process.owner, how.pauseMs);
    }
  }

  return {
    calls,
    async call(process) {
      const { wanted, idempotency } = wantedNow();
      const how = drawReading(random, swarm.leaves);
      const { estimated, wire } = wanted;
      const { owner } = process;
      const format = wire.dialect.name;
      const call: ClientCall = { call_id: "", format, estimated, dispatches: [], owner, idempotency, over: false };
      calls.push(call);
      provider.operations.ask += 1;
      const client = openCallSignal();
      const leave = (): void => {
        provider.operations.fault += 1;
        client.abort();
      };
      if (how.abortsAtMs !== null) scheduler.after(how.abortsAtMs, process.owner, leave);
      options.naming(call);
      const reply = await process.road.run({
        dialect: wire.dialect,
        ...(wanted.target === undefined ? {} : { target: wanted.target }),
        query: "",
        body: wanted.body,
        headers: { ...wanted.headers, ...keyHeader(idempotency) },
        key: wanted.key,
        catalog: { candidates: () => candidatesFor(call, wanted, process) },
        signal: client,
      });
      options.onReply(call, reply);
      if (reply.kind === "stream") await read(process, reply.body, how, leave);
      else provider.operations.read += 1;
      call.over = true;
    },
  };
}
