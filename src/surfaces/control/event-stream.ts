/** A feed as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Watching path: fails open. */
import type { FeedItem } from "../../desk/command.js";

/** A comment this often keeps proxies from closing a quiet stream. */
export const HEARTBEAT_MS = 15_000;
/** Bytes that may wait for a client before no more is taken from the feed; the feed's own bound then counts. */
const WAITING_BYTES = 65_536;

function textOf(item: FeedItem): string {
  if (item.kind === "lagging") return ": too slow to follow; connect again with Last-Event-ID to go on from there\n\n";
  return `id: ${item.seq}\nevent: ${item.type}\ndata: ${item.json}\n\n`;
}

/**
 * Writes a feed as it comes, with back-pressure: a client that does not read takes nothing out of the feed. `stop` is
 * called once, when the client leaves or the feed ends.
 */
export function eventStream(options: {
  feed: AsyncIterable<FeedItem>;
  stop: () => void;
  heartbeatMs?: number;
}): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = options.feed[Symbol.asyncIterator]();
  let heartbeat: ReturnType<typeof setInterval> | null = null;

  function end(): void {
    if (heartbeat !== null) clearInterval(heartbeat);
    heartbeat = null;
    options.stop();
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(": connected\n\n"));
        heartbeat = setInterval(() => {
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(": alive\n\n"));
        }, options.heartbeatMs ?? HEARTBEAT_MS);
        heartbeat.unref();
      },
      async pull(controller) {
        const next = await iterator.next();
        if (next.done === true) {
          end();
          controller.close();
          return;
        }
        controller.enqueue(encoder.encode(textOf(next.value)));
      },
      cancel() {
        end();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES }),
  );
}
