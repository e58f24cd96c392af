/** Reads HTTP/1.1 replies off one connection, as little as a load generator needs: their status, their end, their body. */

/** Told of what arrives, in order. */
export interface ReplyListener {
  /** A piece of the body, without framing. */
  readonly body?: (piece: Buffer) => void;
  /** A reply is whole. */
  readonly end: (status: number) => void;
}

type Expects = "head" | "sized" | "size-line" | "piece" | "trailer";

const HEAD_END = "\r\n\r\n";

/** Takes the bytes of a connection. Throws RangeError on a reply that is framed neither by length nor by chunks. */
export function openReplyReader(listener: ReplyListener): (chunk: Buffer) => void {
  let expects: Expects = "head";
  let left = 0;
  let status = 0;
  let kept: Buffer | null = null;

  const ended = (): void => {
    expects = "head";
    listener.end(status);
  };
  const readHead = (head: string): void => {
    status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length !== undefined) {
      left = Number(length);
      expects = "sized";
      if (left === 0) ended();
    } else if (/\r\ntransfer-encoding: *chunked/i.test(head)) expects = "size-line";
    else throw new RangeError(`A reply without length: ${head.slice(0, 200)}`);
  };
  /** One step over `chunk` from `at`; the next position, or -1 when more bytes are needed. */
  const step = (chunk: Buffer, at: number): number => {
    if (expects === "sized" || expects === "piece") {
      const taken = Math.min(left, chunk.length - at);
      if (listener.body !== undefined && taken > 0) listener.body(chunk.subarray(at, at + taken));
      left -= taken;
      if (left > 0) return chunk.length;
      if (expects === "sized") {
        ended();
        return at + taken;
      }
      // The line end after a piece is read with it, or left for when it has come.
      if (chunk.length - at - taken < 2) return -1 - taken;
      expects = "size-line";
      return at + taken + 2;
    }
    const mark = expects === "head" ? HEAD_END : "\r\n";
    const found = chunk.indexOf(mark, at);
    if (found < 0) return -1;
    const text = chunk.toString("latin1", at, found);
    if (expects === "head") readHead(text);
    else if (expects === "trailer") ended();
    else {
      left = Number.parseInt(text, 16);
      expects = left === 0 ? "trailer" : "piece";
    }
    return found + mark.length;
  };

  return (incoming) => {
    const chunk: Buffer = kept === null ? incoming : Buffer.concat([kept, incoming]);
    kept = null;
    let at = 0;
    while (at < chunk.length) {
      const next = step(chunk, at);
      if (next < 0) {
        kept = chunk.subarray(at + (-1 - next));
        return;
      }
      at = next;
    }
  };
}
