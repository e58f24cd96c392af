/**
 * Settles a stream exactly once, however it ends: bytes pass while usage is read from them, the hold is kept ahead of
 * what flows, and when the consumer leaves — also before the first frame — the stream is drained to its usage. A pump
 * owns all of this; the consumer only reads a pipe. Money path: fails closed.
 */
import { BursarError } from "../accounting/errors.js";
import type { PostOutcome } from "../accounting/ledger/entry.js";
import { inputTokens } from "../accounting/meter/usage.js";
import { type Attempt, figuresOf, type Outcome, settle } from "./attempt.js";
import { openCallSignal } from "./call-signal.js";
import { type ChunkPipe, openChunkPipe } from "./chunks.js";
import { drainable, keepCovered, keepInputCovered, type Room, restOfCap } from "./extend-hold.js";
import { meteredUsage, meterLesson, usageBeyondHold } from "./metered-usage.js";
import type { EventSplitter } from "./needs.js";
import {
  type CallNeeds,
  type CallSignal,
  type StreamReader,
  type StreamSeen,
  UpstreamFailure,
  type UpstreamReply,
} from "./needs.js";
import { observe } from "./observe.js";
import { errorOfFailure, outcomeOfFailure } from "./settle-reply.js";

/** What the pump works with. */
interface Pump {
  readonly needs: CallNeeds;
  readonly attempt: Attempt;
  readonly reply: UpstreamReply;
  readonly reader: StreamReader;
  readonly splitter: EventSplitter;
  readonly pipe: ChunkPipe;
  readonly abortUpstream: () => void;
  /** What ends a stream that is cut; its cost is what was held when it was cut. */
  ending?: Uint8Array;
}

/** How the upstream part ended. */
type End =
  | { readonly kind: "end" }
  | { readonly kind: "cut" }
  | { readonly kind: "left" }
  /** `silent`: it ended without a word, so that all of the output may have been made unseen. */
  | { readonly kind: "failed"; readonly failure: UpstreamFailure; readonly silent?: true };

/** What calls itself a stream and holds no event of its dialect (nothing, or a proxy's page) is no answer: its bill is unknown. */
function noStream(): End {
  const failure = new UpstreamFailure("invalid", "The answer calls itself a stream and holds no event of one.");
  return { kind: "failed", failure, silent: true };
}

function saidNothing(seen: StreamSeen): boolean {
  const { usage, metered_output, terminal, error, response_id, model, finish_reason } = seen;
  return !terminal && metered_output === 0 && [usage, error, response_id, model, finish_reason].every((said) => said === null);
}

const CUT_REASON = "The budget has no room for more output.";

/** Begins to stream; answers what the consumer reads. `clientSignal` aborting means the same as leaving the iterator. */
export function settleStream(options: {
  needs: CallNeeds;
  attempt: Attempt;
  reply: UpstreamReply;
  clientSignal: CallSignal;
  abortUpstream: () => void;
  /** Called once the attempt is settled. */
  done: () => void;
}): AsyncIterable<Uint8Array> {
  const { needs, attempt, reply, clientSignal, abortUpstream } = options;
  const pipe = openChunkPipe({
    stalledMs: needs.limits.idle_ms,
    setTimer: (run, ms) => {
      const stop = openCallSignal();
      needs.clock.sleep(ms, stop).then(() => {
        if (!stop.aborted) run();
      });
      return () => stop.abort();
    },
  });
  const onAbort = (): void => pipe.leave();
  if (clientSignal.aborted) pipe.leave();
  else clientSignal.addEventListener("abort", onAbort, { once: true });
  const reader = attempt.dialect.reader(attempt.request, attempt.candidate.upstream.quirks);
  const splitter = attempt.dialect.splitter(needs.limits.event_bytes_max, attempt.request);
  run({ needs, attempt, reply, reader, splitter, pipe, abortUpstream }).finally(() => {
    clientSignal.removeEventListener("abort", onAbort);
    pipe.end();
    options.done();
  });
  return pipe.readable;
}

function errorBytes({ attempt, reader }: Pump, error: BursarError): Uint8Array {
  return reader.failing?.(error, attempt.call_id) ?? attempt.dialect.errorEvent(error, attempt.call_id);
}

async function run(pump: Pump): Promise<void> {
  const { needs, attempt } = pump;
  try {
    const end = await pumpEvents(pump);
    await finish(pump, end.kind === "end" && saidNothing(pump.reader.seen) ? noStream() : end);
  } catch (error) {
    // A fault of our own: the money is counted in full, the client is told.
    pump.abortUpstream();
    const seen = { call_id: attempt.call_id, agent: attempt.attribution.agent, model: attempt.attribution.model };
    observe(needs, { kind: "fault", ...seen, reason: "stream", error });
    await settle(needs, attempt, { kind: "presume", reason: "reset" });
    const told =
      error instanceof BursarError
        ? error
        : new BursarError("internal", `Bursar failed while streaming call ${attempt.call_id}.`);
    await pump.pipe.push(errorBytes(pump, told));
  }
}

/** A stream that has said its last word has this long to close; the call is over whether it does or not. */
const CLOSE_MS = 1_000;

/** Reads upstream to its end. After the consumer left, drains within what is held and for `drain_ms` at most. */
async function pumpEvents(pump: Pump): Promise<End> {
  const { needs, reply, reader, splitter, pipe } = pump;
  const iterator = reply.body[Symbol.asyncIterator]();
  let until: number | null = null;
  let pending: Promise<IteratorResult<Uint8Array>> | null = null;
  try {
    while (true) {
      if (until === null && reader.seen.terminal) until = needs.clock.monotonic() + CLOSE_MS;
      else if (until === null && pipe.left) until = needs.clock.monotonic() + needs.limits.drain_ms;
      pending ??= iterator.next();
      const next = await nextChunk(pump, pending, until);
      if (next === "left") continue;
      if (next === "over") {
        pending.catch(() => {
          // The connection is aborted next; what the abandoned read says is of no more interest.
        });
        return { kind: reader.seen.terminal ? "end" : "left" };
      }
      pending = null;
      const rest = next.done === true ? splitter.rest() : null;
      const taken = takeEvents(pump, next.done === true ? (rest === null ? [] : [rest]) : splitter.push(next.value));
      const end = taken instanceof Promise ? await taken : taken;
      if (end?.kind === "cut" && next.done !== true) await readInFlight(pump, iterator);
      if (end !== null) return end;
      if (next.done === true) return { kind: "end" };
    }
  } catch (error) {
    if (error instanceof UpstreamFailure) return { kind: "failed", failure: error };
    throw error;
  }
}

/**
 * Reads events and forwards them while the hold covers what they say. An end, when the stream must not go on. Waits only
 * where there is something to wait for: a promise a step costs more than the step.
 */
function takeEvents(pump: Pump, raws: readonly Uint8Array[]): End | null | Promise<End | null> {
  const { needs, attempt, reader, pipe } = pump;
  const out: Uint8Array[] = [];
  for (let index = 0; index < raws.length; index++) {
    const forward = reader.event(raws[index] as Uint8Array);
    if (pipe.left) return drainEvents(pump, raws.slice(index + 1));
    if (forward !== null) out.push(forward);
    const room = keepCovered(needs, attempt, reader.seen);
    if (room !== "go") return takeOnceCovered(pump, { room, out, rest: raws.slice(index + 1) });
  }
  const delivered = deliver(pipe, out);
  return typeof delivered === "boolean" ? null : delivered.then(() => null);
}

/** Waits for the hold to be extended, then goes on with the events behind the one that asked for it, or cuts there. */
async function takeOnceCovered(
  pump: Pump,
  of: { room: Promise<Room>; out: readonly Uint8Array[]; rest: readonly Uint8Array[] },
): Promise<End | null> {
  const { attempt, reader, pipe } = pump;
  const room = await of.room;
  // The event that crosses the boundary is forwarded: the reader has counted it, and its end must match what was sent.
  await deliver(pipe, of.out);
  if (room === "go") return takeEvents(pump, of.rest);
  // The end is made from where the client stands; what has arrived behind it is only counted.
  pump.ending = reader.cut(figuresOf(attempt, attempt.held.nano, CUT_REASON));
  for (const unsent of of.rest) reader.event(unsent);
  return { kind: "cut" };
}

/** Counts events that nobody reads any more, the last one read included, while the hold covers what may be on its way. */
async function drainEvents(pump: Pump, raws: readonly Uint8Array[]): Promise<End | null> {
  const { needs, attempt, reader } = pump;
  for (let index = 0; ; index++) {
    const covered = keepInputCovered(needs, attempt, reader.seen);
    if (covered !== "go" && (await covered) === "cut") return { kind: "left" };
    if (!drainable(needs, attempt, reader.seen)) return { kind: "left" };
    const raw = raws[index];
    if (raw === undefined) return null;
    reader.event(raw);
  }
}

/** What is on its way when a stream is cut has been produced and will be billed: it is read for its count, not waited for. */
const IN_FLIGHT_MS = 20;
/** Reading on makes some providers produce on; this much can have been waiting in buffers. */
const IN_FLIGHT_CHUNKS = 16;

async function readInFlight(pump: Pump, iterator: AsyncIterator<Uint8Array>): Promise<void> {
  const { needs, reader, splitter } = pump;
  const until = needs.clock.monotonic() + IN_FLIGHT_MS;
  try {
    for (let chunks = 0; chunks < IN_FLIGHT_CHUNKS && !reader.seen.usage_final && needs.clock.monotonic() < until; chunks++) {
      const chunk = iterator.next();
      chunk.catch(() => {
        // Its failure is seen below, or is that of the abort that follows.
      });
      const next = await nextChunk(pump, chunk, until);
      if (next === "over" || next === "left" || next.done === true) return;
      for (const raw of splitter.push(next.value)) reader.event(raw);
    }
  } catch (error) {
    // A stream that breaks while it is cut is a stream that was cut.
    if (!(error instanceof UpstreamFailure)) throw error;
  }
}

function deliver(pipe: ChunkPipe, out: readonly Uint8Array[]): boolean | Promise<boolean> {
  if (out.length === 0) return true;
  return pipe.push(out.length === 1 ? (out[0] as Uint8Array) : Buffer.concat(out));
}

type Read = IteratorResult<Uint8Array> | "left" | "over";

/** The next chunk; `left` when the consumer leaves meanwhile; `over` once a stream that nobody reads, or that has ended, has had its time. */
function nextChunk(pump: Pump, chunk: Promise<IteratorResult<Uint8Array>>, until: number | null): Promise<Read> {
  const { clock } = pump.needs;
  if (until === null) {
    // One slot instead of a race against a long-lived promise, which would keep a reaction per chunk.
    return new Promise((resolve, reject) => {
      pump.pipe.onLeave(() => resolve("left"));
      chunk.then(resolve, reject);
    });
  }
  const stop = openCallSignal();
  const ms = Math.max(0, until - clock.monotonic());
  const over = clock.sleep(ms, stop).then(() => "over" as const);
  return Promise.race([chunk, over]).finally(() => stop.abort());
}

function endedAs({ reader, pipe }: Pump, end: End): PostOutcome {
  if (end.kind === "cut") return "cut";
  if (reader.seen.error !== null || end.kind === "failed") return "failed";
  return end.kind === "left" || (pipe.left && !reader.seen.terminal) ? "aborted" : "end";
}

function outcomeOf(pump: Pump, end: End): Outcome {
  const { attempt, reader } = pump;
  const { seen } = reader;
  const { response_id } = seen;
  const flags = [...seen.flags];
  const ended = endedAs(pump, end);
  const told = seen.usage !== null && inputTokens(seen.usage.counts) > attempt.held.input_tokens;
  const inFlight = end.kind === "cut" && !told ? { cause: "U3" as const } : {};
  // The bill is known: it is posted, whatever it is and however the stream ended.
  if (seen.usage !== null && seen.usage_final)
    return { kind: "post", usage: seen.usage, ended, flags, response_id, ...inFlight, ...meterLesson(attempt, seen) };
  const beyond = usageBeyondHold(attempt, seen);
  if (end.kind === "cut" || end.kind === "left") {
    if (end.kind === "cut") flags.push("cut");
    if (beyond === null) return { kind: "post_held", ended, flags, response_id };
    return { kind: "post", usage: beyond, ended, cause: told ? "U2" : "U3", flags, response_id };
  }
  if (end.kind === "failed") return outcomeOfFailure(end.failure, end.silent === true ? restOfCap(attempt) : undefined);
  if (flags.some((flag) => flag.startsWith("usage_invalid"))) return { kind: "post_held", ended, flags, response_id };
  const usage = meteredUsage(pump.needs, attempt, seen);
  if (seen.error === null || seen.usage === null) flags.push("no_usage");
  if (usage === null) return { kind: "post_held", ended, flags, response_id };
  return { kind: "post", usage, ended, flags, response_id };
}

/** Settles, then gives the client the end it can parse: figures after a normal end, a well-formed close after a cut. */
async function finish(pump: Pump, end: End): Promise<void> {
  const { needs, attempt, reader, pipe } = pump;
  pump.abortUpstream();
  const cost = await settle(needs, attempt, outcomeOf(pump, end));
  if (pipe.left) return;
  if (end.kind === "cut") await pipe.push(pump.ending ?? reader.cut(figuresOf(attempt, cost, CUT_REASON)));
  else if (end.kind === "failed") await pipe.push(errorBytes(pump, errorOfFailure(end.failure, attempt.candidate.provider)));
  else await pipe.push(reader.closing(figuresOf(attempt, cost)));
}
