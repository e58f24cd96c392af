/**
 * Makes an answer token by token and bills each as it is made, never ahead of who reads it. Money path: fails closed — a
 * token is on the bill before its bytes are handed out.
 */
import { setImmediate as turn } from "node:timers/promises";
import { type CallSignal, type Clock, UpstreamFailure } from "../../call/needs.js";
import type { Step } from "./answer.js";
import type { OpenLine } from "./bill.js";
import type { Rendering } from "./rendering.js";
import { type Fault, faultTokens } from "./steering.js";

/** After how many tokens something breaks; infinite when nothing does. */
export interface Stops {
  readonly reset: number;
  readonly hang: number;
  readonly error: number;
}

/** One answer in the making. */
export interface Production {
  readonly line: OpenLine;
  readonly signal: CallSignal;
  readonly rendering: Rendering;
  readonly steps: Iterable<Step>;
  readonly pacer: { due(tokens: number): Promise<void> | null };
  readonly stops: Stops;
  readonly clock: Clock;
}

/** Frames (of a whole reply: steps) between two turns of the event loop, so that a reader in the same process cannot starve its own timers. */
const FRAMES_PER_TURN = 32;
const STEPS_PER_TURN = 1024;
const SLOW_BYTES = 8;
const SLOW_MS = 20;
const FOREVER_MS = 2_000_000_000;

/** The first stop of each kind among the faults. */
export function stopsOf(faults: readonly Fault[]): Stops {
  const after = (kind: "reset-after" | "hang-after" | "error-event"): number =>
    faultTokens(faults, kind) ?? Number.POSITIVE_INFINITY;
  return { reset: after("reset-after"), hang: after("hang-after"), error: after("error-event") };
}

function left(production: Production): UpstreamFailure {
  production.line.close("left");
  return new UpstreamFailure("aborted", "The client closed the connection.");
}

function broken(production: Production): UpstreamFailure {
  production.line.close("reset");
  return new UpstreamFailure("reset", "The simulator broke the connection.");
}

async function hang(production: Production): Promise<never> {
  while (!production.signal.aborted) await production.clock.sleep(FOREVER_MS, production.signal);
  throw left(production);
}

function bill(line: OpenLine, step: Step, tokens: number): void {
  line.consumption.output += tokens;
  if (step.kind === "reasoning" || step.kind === "thinking") line.consumption.reasoning += tokens;
  if (step.kind !== "search") return;
  line.consumption.searches += 1;
  line.consumption.found += step.input_tokens;
  line.consumption.input += step.input_tokens;
}

/** Bills step after step, in time; ends early at a stop. Answers how it ended. */
async function* billed(production: Production): AsyncGenerator<Step, "end" | "reset" | "error"> {
  const { line, signal, pacer, stops } = production;
  const stop = Math.min(stops.reset, stops.hang, stops.error);
  for (const step of production.steps) {
    const made = line.consumption.output;
    const tokens = Math.min(step.tokens, stop - made);
    const wait = step.tokens === 0 ? null : pacer.due(made + step.tokens);
    if (made < stop && wait !== null) await wait;
    if (signal.aborted) throw left(production);
    if (made >= stop) break;
    bill(line, step, tokens);
    yield step;
  }
  if (line.consumption.output < stop) return "end";
  if (stop === stops.hang) return await hang(production);
  return stop === stops.reset ? "reset" : "error";
}

/** The frames of a stream. Reading it makes it. */
export async function* produceStream(production: Production): AsyncGenerator<Uint8Array> {
  const { line, rendering, signal } = production;
  const gone = (): void => line.close("left");
  if (signal.aborted) throw left(production);
  signal.addEventListener("abort", gone, { once: true });
  const steps = billed(production);
  try {
    await production.pacer.due(0);
    const begin = rendering.begin(line.consumption);
    if (begin !== "") yield Buffer.from(begin);
    let frames = 0;
    let next = await steps.next();
    while (next.done !== true) {
      const text = rendering.step(next.value, line.consumption);
      if (text !== "") {
        yield Buffer.from(text);
        if (++frames % FRAMES_PER_TURN === 0) await turn();
      }
      next = await steps.next();
    }
    if (next.value === "reset") throw broken(production);
    if (next.value === "error") {
      line.close("error");
      yield Buffer.from(rendering.failure());
      return;
    }
    line.close("end");
    yield Buffer.from(rendering.end(line.consumption));
  } finally {
    signal.removeEventListener("abort", gone);
    line.close("left");
  }
}

async function* oneBody(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function* brokenBody(production: Production, text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text.slice(0, Math.floor(text.length / 2)));
  throw broken(production);
}

/** A whole reply, after the time it takes. `failed`: the provider broke down in the middle of it. */
export async function produceWhole(
  production: Production,
): Promise<{ readonly failed: boolean; readonly body: AsyncIterable<Uint8Array> }> {
  const { line, rendering, signal } = production;
  if (signal.aborted) throw left(production);
  const steps = billed(production);
  const made: Step[] = [];
  try {
    await production.pacer.due(0);
    let next = await steps.next();
    while (next.done !== true) {
      made.push(next.value);
      if (made.length % STEPS_PER_TURN === 0) await turn();
      next = await steps.next();
    }
    const text = rendering.whole(made, line.consumption);
    if (next.value === "reset") return { failed: false, body: brokenBody(production, text) };
    if (next.value === "error") return { failed: true, body: oneBody("") };
    line.close("end");
    return { failed: false, body: oneBody(text) };
  } catch (error) {
    line.close("left");
    throw error;
  }
}

async function* cutUp(body: AsyncIterable<Uint8Array>, bytes: number, pause: () => Promise<void>): AsyncGenerator<Uint8Array> {
  for await (const chunk of body)
    for (let at = 0; at < chunk.byteLength; at += bytes) {
      yield chunk.subarray(at, at + bytes);
      await pause();
    }
}

/** The body in the pieces that `chunk-bytes=N` or `slow-body` ask for; else as it is. */
export function pauseStream(body: AsyncIterable<Uint8Array>, faults: readonly Fault[], clock: Clock): AsyncIterable<Uint8Array> {
  if (faults.some((fault) => fault.kind === "slow-body")) return cutUp(body, SLOW_BYTES, () => clock.sleep(SLOW_MS));
  const bytes = faults.find((fault) => fault.kind === "chunk-bytes")?.bytes ?? null;
  return bytes === null ? body : cutUp(body, bytes, turn);
}
