/**
 * A bounded pipe between the pump that settles a stream and the consumer that reads it. The pump's life does not hang on
 * the consumer: leaving, at any time, only tells the pump.
 */
export interface ChunkPipe {
  readonly readable: AsyncIterable<Uint8Array>;
  /** Hands a chunk over; a promise only where there is no room for more yet. Answers false once the consumer has left. */
  push(chunk: Uint8Array): boolean | Promise<boolean>;
  end(): void;
  readonly left: boolean;
  /** One listener, called once when the consumer leaves; a later one replaces it. */
  onLeave(listener: (() => void) | null): void;
  /** Tells that the consumer is gone without it having said so (client's connection closed). */
  leave(): void;
}

/** An explicit iterator: an async generator's `finally` does not run when the consumer leaves before the first frame. */
function readableOf(next: () => Promise<IteratorResult<Uint8Array>>, leave: () => void): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      async return() {
        leave();
        return { done: true as const, value: undefined };
      },
    }),
  };
}

/** Bytes that may wait in the pipe before the pump pauses; a multiple of a socket's usual buffer. */
const WAITING_BYTES_MAX = 65_536;

/** Chunks that wait, and how many bytes they are. */
function openWaiting() {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    isFull: () => bytes >= WAITING_BYTES_MAX,
    isEmpty: () => chunks.length === 0,
    add(chunk: Uint8Array): void {
      chunks.push(chunk);
      bytes += chunk.byteLength;
    },
    /** All of them, in one piece. */
    take(): Uint8Array {
      const all = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
      chunks = [];
      bytes = 0;
      return all;
    },
    clear(): void {
      chunks = [];
      bytes = 0;
    },
  };
}

/** Opens a pipe. A consumer that takes nothing for `stalledMs` while the pipe is full counts as gone. */
export function openChunkPipe(options: { stalledMs: number; setTimer: (run: () => void, ms: number) => () => void }): ChunkPipe {
  const waiting = openWaiting();
  let ended = false;
  let left = false;
  let wakeReader: (() => void) | null = null;
  let wakePump: (() => void) | null = null;
  let leaveListener: (() => void) | null = null;

  function leave(): void {
    if (left) return;
    left = true;
    leaveListener?.();
    waiting.clear();
    wakePump?.();
    wakeReader?.();
  }

  /** All that waits, in one piece; the end; or null while there is neither. */
  function take(): IteratorResult<Uint8Array> | null {
    if (left || (ended && waiting.isEmpty())) return { done: true, value: undefined };
    if (waiting.isEmpty()) return null;
    const value = waiting.take();
    wakePump?.();
    return { done: false, value };
  }

  function next(): Promise<IteratorResult<Uint8Array>> {
    const ready = take();
    if (ready !== null) return Promise.resolve(ready);
    return new Promise((resolve) => {
      wakeReader = () => {
        const taken = take();
        if (taken === null) return;
        wakeReader = null;
        resolve(taken);
      };
    });
  }

  /** Waits for room; a consumer that reads nothing for `stalledMs` counts as gone. */
  async function room(): Promise<boolean> {
    const stop = options.setTimer(leave, options.stalledMs);
    while (waiting.isFull() && !left) await new Promise<void>((resolve) => (wakePump = resolve));
    wakePump = null;
    stop();
    return !left;
  }

  return {
    readable: readableOf(next, leave),
    push(chunk) {
      if (left) return false;
      waiting.add(chunk);
      wakeReader?.();
      return waiting.isFull() ? room() : !left;
    },
    end() {
      ended = true;
      wakeReader?.();
    },
    get left() {
      return left;
    },
    onLeave(listener) {
      leaveListener = listener;
    },
    leave,
  };
}
