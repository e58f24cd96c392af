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

/** Where a body stands. */
interface Filling {
  readonly source: BodySource;
  waiting: Uint8Array[];
  bytes: number;
  paused: boolean;
  ended: boolean;
  failure: Error | null;
  reader: Reader | null;
}

/** All that waits, in one piece: fewer turns, the same bytes. */
function taken(filling: Filling): Uint8Array {
  const { waiting, bytes } = filling;
  filling.waiting = [];
  filling.bytes = 0;
  return waiting.length === 1 ? (waiting[0] as Uint8Array) : Buffer.concat(waiting, bytes);
}

function resume(filling: Filling): void {
  if (!filling.paused) return;
  filling.paused = false;
  filling.source.resume();
}

/** Gives the reader that waits what there is for it, if it is enough. */
function serve(filling: Filling): void {
  const { reader } = filling;
  if (reader === null) return;
  if (reader.wants === "whole" && filling.bytes > reader.bytesMax) {
    filling.reader = null;
    leave(filling);
    reader.fail(new UpstreamFailure("invalid", `The reply exceeds ${reader.bytesMax} bytes.`));
  } else if (reader.wants === "piece" && filling.bytes > 0) {
    filling.reader = null;
    reader.take({ done: false, value: taken(filling) });
    resume(filling);
  } else if (filling.ended) {
    filling.reader = null;
    const error = filling.failure;
    // Told once; who asks again is at the end.
    filling.failure = null;
    if (error !== null) reader.fail(error);
    else if (reader.wants === "whole") reader.take(taken(filling));
    else reader.take(DONE);
  }
}

function finish(filling: Filling, error: Error | null): void {
  if (filling.ended) return;
  filling.ended = true;
  filling.failure = error;
  serve(filling);
}

function leave(filling: Filling): void {
  filling.waiting = [];
  filling.bytes = 0;
  if (filling.ended) return;
  finish(filling, null);
  filling.source.leave();
}

function push(filling: Filling, chunk: Uint8Array): void {
  if (filling.ended || chunk.byteLength === 0) return;
  filling.waiting.push(chunk);
  filling.bytes += chunk.byteLength;
  serve(filling);
  if (filling.bytes < WAITING_MAX || filling.paused || filling.reader?.wants === "whole") return;
  filling.paused = true;
  filling.source.pause();
}

/** Opens a body that is filled by `push` and closed by `end` or `fail`, whichever comes first. */
export function openReplyBody(source: BodySource): ReplyBody {
  const filling: Filling = { source, waiting: [], bytes: 0, paused: false, ended: false, failure: null, reader: null };
  const iterator = {
    next: () =>
      new Promise<Piece>((take, fail) => {
        filling.reader = { wants: "piece", take, fail };
        serve(filling);
      }),
    async return() {
      leave(filling);
      return DONE;
    },
  };
  return {
    push: (chunk) => push(filling, chunk),
    end: () => finish(filling, null),
    fail: (error) => finish(filling, error),
    [Symbol.asyncIterator]: () => iterator,
    whole: (bytesMax) =>
      new Promise<Uint8Array>((take, fail) => {
        filling.reader = { wants: "whole", bytesMax, take, fail };
        serve(filling);
        if (filling.reader !== null) resume(filling);
      }),
  };
}
