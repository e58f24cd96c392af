/** A provider's stream of parts as events for the road. Money path: fails closed — a stream that broke off throws. */
import { eventBytes } from "../../../providers/sse.js";
import { upstreamFailureOf } from "../upstream-failure.js";
import type { PartTable } from "./part-stream.js";
import { openPartReader } from "./v3-parts.js";
import type { V3Part } from "./v3-shapes.js";

/** Parts read ahead of the road at most; then the provider waits. */
const AHEAD_MAX = 512;

/** What has been read ahead, and how it ended. */
interface Ahead<Part> {
  parts: Part[];
  ended: { readonly error: unknown } | null;
  /** Wakes whoever waits for the other side. */
  wake: () => void;
}

/**
 * Reads on while the road is busy: what the provider has produced is then seen at once, as it is with a socket, and
 * counted when the stream is cut.
 */
async function readAhead<Part>(reader: ReadableStreamDefaultReader<Part>, ahead: Ahead<Part>): Promise<void> {
  try {
    while (true) {
      const next = await reader.read();
      if (next.done) break;
      ahead.parts.push(next.value);
      ahead.wake();
      while (ahead.parts.length >= AHEAD_MAX) await new Promise<void>((resolve) => (ahead.wake = resolve));
    }
    ahead.ended = { error: undefined };
  } catch (error) {
    ahead.ended = { error };
  }
  ahead.wake();
}

/** The events of a stream; the parts themselves wait in the table. `tier`: the service tier that the call asked for. */
export async function* partEvents<Part extends V3Part>(of: {
  readonly stream: ReadableStream<Part>;
  readonly table: PartTable<Part>;
  readonly tier: string | null;
  readonly signal: AbortSignal;
}): AsyncIterable<Uint8Array> {
  const { table, signal } = of;
  const parts = openPartReader(of.tier);
  const reader = of.stream.getReader();
  const ahead: Ahead<Part> = { parts: [], ended: null, wake: () => undefined };
  const leave = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener("abort", leave, { once: true });
  void readAhead(reader, ahead);
  try {
    while (true) {
      const taken = ahead.parts;
      ahead.parts = [];
      ahead.wake();
      if (taken.length > 0) {
        yield Buffer.concat(taken.map((part) => eventBytes({ data: JSON.stringify(parts.event(part, table.put(part))) })));
      } else if (ahead.ended !== null) {
        if (ahead.ended.error !== undefined) throw upstreamFailureOf(ahead.ended.error, signal.aborted ? "aborted" : null);
        return;
      } else await new Promise<void>((resolve) => (ahead.wake = resolve));
    }
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
