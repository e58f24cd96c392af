/**
 * The two ways in which Gemini frames a stream: Server-Sent Events, or one JSON array. Money path: fails closed — what is
 * no element of an array is not let into it.
 */
import { eventBytes, eventFields } from "../sse.js";

/** One event or element: what it says, and the bytes around it. `data` null: nothing (a comment, the array's end). */
export interface Piece {
  readonly raw: Uint8Array;
  readonly data: string | null;
  /** What stands before the data of an element: white space, `[` or a comma. */
  readonly before: string;
  readonly closes: boolean;
}

/** Reads raw events and writes them again. */
export interface Framing {
  piece(raw: Uint8Array): Piece;
  /** A piece as it came; null where it may not pass. */
  forward(piece: Piece): Uint8Array | null;
  /** A piece with other data. `data` is a JSON object's text. */
  rewritten(piece: Piece, data: string): Uint8Array;
  /** An event of our own. */
  own(data: string): Uint8Array;
  /** May a comment be written between events? */
  readonly comments: boolean;
  /** What ends the stream after all events; `came`: the provider's own end. */
  end(came: Uint8Array | null): Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** JSON text on one line: strings hold no line ends. */
function oneLine(text: string): string {
  return text.trim().replace(/[\r\n]/g, " ");
}

/** Framing by Server-Sent Events. */
export function openSseFraming(): Framing {
  return {
    piece(raw) {
      return { raw, data: eventFields(raw).data, before: "", closes: false };
    },
    forward: (piece) => piece.raw,
    rewritten: (_, data) => eventBytes({ data: oneLine(data) }),
    own: (data) => eventBytes({ data }),
    comments: true,
    end: () => NOTHING,
  };
}

const OPENING = /^\ufeff?[ \t\r\n]*\[[ \t\r\n]*$/;
const BETWEEN = /^[ \t\r\n]*,[ \t\r\n]*$/;
const ENDING = /^[ \t\r\n]*\]$/;
const BEFORE_ELEMENT = /^\ufeff?[\s,]*\[?[\s,]*/;

/** Framing as one JSON array. Remembers whether the array has been opened, so that it ends well-formed from anywhere. */
export function openArrayFraming(): Framing {
  let opened = false;
  let closed = false;

  /** Does an element's own separator go on from what was written so far? */
  function fits(piece: Piece): boolean {
    return (opened ? BETWEEN : OPENING).test(piece.before);
  }

  function separator(): string {
    const text = opened ? ",\r\n" : "[";
    opened = true;
    return text;
  }

  return {
    piece(raw) {
      const text = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString("utf8");
      const before = BEFORE_ELEMENT.exec(text)?.[0] ?? "";
      const data = text.slice(before.length);
      return data === "" || data === "]"
        ? { raw, data: null, before, closes: data === "]" }
        : { raw, data, before, closes: false };
    },
    forward(piece) {
      if (piece.data === null || !piece.data.startsWith("{")) return null;
      if (!fits(piece)) return Buffer.from(separator() + piece.data);
      opened = true;
      return piece.raw;
    },
    rewritten(piece, data) {
      if (!fits(piece)) return Buffer.from(separator() + data);
      opened = true;
      return Buffer.from(piece.before + data);
    },
    own: (data) => Buffer.from(separator() + data),
    comments: false,
    end(came) {
      if (closed) return NOTHING;
      closed = true;
      if (!opened) return Buffer.from("[]");
      return came !== null && ENDING.test(Buffer.from(came).toString("utf8")) ? came : Buffer.from("\n]");
    },
  };
}
