/**
 * A reply's body between the socket and who reads it: bounded by pausing the socket, readable once, and closing the
 * connection when its reader leaves. Money path: fails closed — a body that broke off throws, it never just ends.
 */

import { UpstreamFailure } from "../call/needs.js";

/** What the body does to its connection. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** The reader left before the end. */
  leave(): void;
}

/** The body, with its writing side. It is read once: piece by piece, or whole. */
export interface ReplyBody extends AsyncIterable<Uint8Array> {
  /** Takes a piece that nobody writes to any more. */
  push(chunk: Uint8Array): void;
  end(): void;
  fail(error: Error): void;
  /** All of it in one piece; rejects with UpstreamFailure `invalid` beyond `bytesMax`, and then leaves. */
  whole(bytesMax: number): Promise<Uint8Array>;
}

/** Bytes that may wait for the reader before the socket is paused. */
const WAITING_MAX = 65_536;

type Piece = IteratorResult<Uint8Array, undefined>;

const DONE: Piece = { done: true, value: undefined };

/** Who waits: for the next piece, or (with a bound) for the whole body. */
type Reader =
  | { readonly wants: "piece"; readonly take: (piece: Piece) => void; readonly fail: (error: Error) => void }
  | {
      readonly wants: "whole";
      readonly bytesMax: number;
      readonly take: (body: Uint8Array) => void;
      readonly fail: (error: Error) => void;
    };

/** Opens a body that is filled by `push` and closed by `end` or `fail`, whichever comes first. */
export function openReplyBody(source: BodySource): ReplyBody {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let paused = false;
  let ended = false;
  let failure: Error | null = null;
  let reader: Reader | null = null;

  /** All that waits, in one piece: fewer turns, the same bytes. */
  function taken(): Uint8Array {
    const value = waiting.length === 1 ? (waiting[0] as Uint8Array) : Buffer.concat(waiting, bytes);
    waiting = [];
    bytes = 0;
    return value;
  }

  function resume(): void {
    if (!paused) return;
    paused = false;
    source.resume();
  }

  /** Gives the reader that waits what there is for it, if it is enough. */
  function serve(): void {
    const waits = reader;
    if (waits === null) return;
    if (waits.wants === "whole" && bytes > waits.bytesMax) {
      reader = null;
      leave();
      waits.fail(new UpstreamFailure("invalid", `The reply exceeds ${waits.bytesMax} bytes.`));
    } else if (waits.wants === "piece" && bytes > 0) {
      reader = null;
      waits.take({ done: false, value: taken() });
      resume();
    } else if (ended) {
      reader = null;
      const error = failure;
      // Told once; who asks again is at the end.
      failure = null;
      if (error !== null) waits.fail(error);
      else if (waits.wants === "whole") waits.take(taken());
      else waits.take(DONE);
    }
  }

  function finish(error: Error | null): void {
    if (ended) return;
    ended = true;
    failure = error;
    serve();
  }

  function leave(): void {
    waiting = [];
    bytes = 0;
    if (ended) return;
    finish(null);
    source.leave();
  }

  return {
    push(chunk) {
      if (ended || chunk.byteLength === 0) return;
      waiting.push(chunk);
      bytes += chunk.byteLength;
      serve();
      if (bytes < WAITING_MAX || paused || reader?.wants === "whole") return;
      paused = true;
      source.pause();
    },
    end: () => finish(null),
    fail: (error) => finish(error),
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise<Piece>((take, fail) => {
          reader = { wants: "piece", take, fail };
          serve();
        }),
      async return() {
        leave();
        return DONE;
      },
    }),
    whole: (bytesMax) =>
      new Promise<Uint8Array>((take, fail) => {
        reader = { wants: "whole", bytesMax, take, fail };
        serve();
        if (reader !== null) resume();
      }),
  };
}
