// Streams of the providers' fixtures, run through a dialect as the road does it. For tests.
import { readFileSync } from "node:fs";
import type { ParsedRequest } from "../src/call/message.js";
import type { CallFigures, Dialect, StreamSeen } from "../src/call/needs.js";
import { type EventFields, eventFields, openSseSplitter } from "../src/providers/sse.js";

/** Figures as a call has them at its end: one budget in dollars with a hostile name, one in tokens. */
export const figures: CallFigures = {
  call_id: "c1",
  cost_usd: "0.000123",
  ceiling_usd: "0.0005",
  remaining: [
    {
      id: "1",
      budget: "day\ndata: x",
      group: [],
      unit: "usd",
      count: "total",
      mode: "hard",
      limit: 10n ** 9n,
      used: 1n,
      held: 0n,
      left: 999_999_999n,
      resets_at: 0,
    },
    {
      id: "2",
      budget: "agent",
      group: ["a"],
      unit: "tokens",
      count: "total",
      mode: "soft",
      limit: null,
      used: 1n,
      held: 0n,
      left: null,
      resets_at: null,
    },
  ],
};

/** A fixture's bytes: `openai/text.sse`, `openai/responses/text.sse`. */
export function fixture(name: string): Buffer {
  const at = name.lastIndexOf("/");
  return readFileSync(new URL(`../src/providers/${name.slice(0, at)}/__fixtures__/${name.slice(at + 1)}`, import.meta.url));
}

/** Whole events of a byte stream. */
export function eventsOf(bytes: Uint8Array): readonly Uint8Array[] {
  const splitter = openSseSplitter({ eventBytesMax: 1 << 24 });
  const events = splitter.push(bytes);
  const rest = splitter.rest();
  return rest === null ? events : [...events, rest];
}

/** What a client understands of a byte stream: events with data, without comments. */
export function understood(bytes: Uint8Array): readonly EventFields[] {
  return eventsOf(bytes)
    .map(eventFields)
    .filter((event) => event.data !== null);
}

/** How a replay ended. */
export interface Replayed {
  readonly forwarded: Buffer;
  readonly closing: Buffer;
  readonly seen: StreamSeen;
}

/** Runs pieces of a stream through a dialect's splitter and reader to a normal end. */
export function replay(dialect: Dialect, request: ParsedRequest, pieces: readonly Uint8Array[]): Replayed {
  const splitter = dialect.splitter(1 << 20, request);
  const reader = dialect.reader(request);
  const out: Uint8Array[] = [];
  const forward = (raw: Uint8Array): void => {
    const bytes = reader.event(raw);
    if (bytes !== null) out.push(bytes);
  };
  for (const piece of pieces) splitter.push(piece).forEach(forward);
  const rest = splitter.rest();
  if (rest !== null) forward(rest);
  return { forwarded: Buffer.concat(out), closing: Buffer.from(reader.closing(figures)), seen: reader.seen };
}
