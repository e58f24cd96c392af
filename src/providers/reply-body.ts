/**
 * A reply's body between the socket and who reads it: bounded by pausing the socket, readable once, and closing the
 * connection when its reader leaves. Money path: fails closed — a body that broke off throws, it never just ends.
 */

/** What the body does to its connection. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** The reader left before the end. */
  leave(): void;
}

/** The body, with its writing side. */
export interface ReplyBody extends AsyncIterable<Uint8Array> {
  push(chunk: Uint8Array): void;
  end(): void;
  fail(error: Error): void;
}

/** Bytes that may wait for the reader before the socket is paused. */
const WAITING_MAX = 65_536;

type Ended = { readonly error: Error | null };

/** Opens a body that is filled by `push` and closed by `end` or `fail`, whichever comes first. */
export function openReplyBody(source: BodySource): ReplyBody {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let paused = false;
  let ended: Ended | null = null;
  let wake: (() => void) | null = null;

  function finish(error: Error | null): void {
    ended ??= { error };
    wake?.();
  }

  async function next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (waiting.length === 0) {
      if (ended !== null) {
        const { error } = ended;
        ended = { error: null };
        if (error !== null) throw error;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = null;
    }
    // All that waits goes out in one piece: fewer turns, the same bytes.
    const value = waiting.length === 1 ? (waiting[0] as Uint8Array) : Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
    if (paused) {
      paused = false;
      source.resume();
    }
    return { done: false, value };
  }

  async function leave(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (ended === null) {
      finish(null);
      source.leave();
    }
    waiting = [];
    return { done: true, value: undefined };
  }

  return {
    push(chunk) {
      if (ended !== null) return;
      waiting.push(chunk);
      bytes += chunk.byteLength;
      if (bytes >= WAITING_MAX && !paused) {
        paused = true;
        source.pause();
      }
      wake?.();
    },
    end: () => finish(null),
    fail: (error) => finish(error),
    [Symbol.asyncIterator]: () => ({ next, return: leave }),
  };
}
