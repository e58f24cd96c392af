/**
 * Reads one reply at a time off a connection, whatever the pieces it comes in. Money path: fails closed — what is no valid
 * reply throws, a body that is not whole never ends.
 */
import { HEAD_BYTES_MAX, InvalidReply, isTrailer, type ReplyHead, readHead } from "./reply-head.js";

/** Told of what arrives, in order: one head, then pieces of the body, then its end. */
export interface ReplyListener {
  head(head: ReplyHead): void;
  /** A piece of the body, without framing; a view that is only good during the call. */
  body(piece: Uint8Array): void;
  end(): void;
}

/** The parser of one connection. */
export interface ReplyParser {
  /**
   * Takes bytes. Answers how many of them belong to the reply: less than all of them when it has ended. Throws
   * InvalidReply, after which nothing more may be given.
   */
  take(bytes: Buffer): number;
  /** The connection has ended in an orderly way. Answers whether the reply has, too. Throws InvalidReply. */
  finish(): boolean;
  /** Ready for the next reply. */
  reset(): void;
}

/** Interim replies (1xx) before the real one, at most. */
const INTERIM_MAX = 16;
/** Bytes of a chunk's size line at most, its extensions included. */
const SIZE_LINE_MAX = 4_096;
/** Hexadecimal digits of a chunk's size: 2⁴⁸ bytes are more than anybody sends. */
const SIZE_DIGITS_MAX = 12;
const START = "HTTP/1.";
const CR = 13;
const LF = 10;

type Expects =
  | "head"
  | "sized"
  | "until_close"
  | "size"
  | "extension"
  | "size_end"
  | "chunk"
  | "chunk_cr"
  | "chunk_lf"
  | "trailer"
  | "over";

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Where a parser stands. */
interface Reading {
  readonly listener: ReplyListener;
  expects: Expects;
  /** What came of a head or trailer that is not whole. */
  kept: Buffer | null;
  interim: number;
  /** Bytes that the body, or the chunk, still has. */
  left: number;
  /** Of a chunk's size, and of its line. */
  digits: number;
  line: number;
}

function end(reading: Reading, at: number): number {
  reading.expects = "over";
  reading.listener.end();
  return at;
}

/** A head that cannot become one is refused as soon as that shows, not when its server falls silent. */
function refuseEarly(reading: Reading, whole: Buffer, before: number): void {
  if (reading.expects === "head" && before < START.length) {
    const start = whole.toString("latin1", 0, START.length);
    if (!START.startsWith(start)) throw new InvalidReply(`no head of HTTP/1.1: ${JSON.stringify(start)}`);
  }
  for (let at = whole.indexOf(LF, Math.max(0, before - 1)); at >= 0; at = whole.indexOf(LF, at + 1))
    if (whole[at - 1] !== CR) throw new InvalidReply("a line that ends without CR");
}

/**
 * Gathers bytes up to and with an empty line; null until it has come, and the position behind it in `bytes`. A trailer may
 * be the empty line alone.
 */
function block(reading: Reading, bytes: Buffer, from: number): { text: string; at: number } | null {
  const { kept } = reading;
  const before = kept?.length ?? 0;
  const whole: Buffer = kept === null ? bytes.subarray(from) : Buffer.concat([kept, bytes.subarray(from)]);
  const empty = reading.expects === "trailer" && whole.length >= 2 && whole[0] === CR && whole[1] === LF;
  // The empty line may have begun in what was kept.
  const found = empty ? -2 : whole.indexOf("\r\n\r\n", Math.max(0, before - 3), "latin1");
  const size = found === -1 ? whole.length : found + 4;
  if (size > HEAD_BYTES_MAX) throw new InvalidReply(`more than ${HEAD_BYTES_MAX} bytes of headers`);
  if (found === -1) {
    refuseEarly(reading, whole, before);
    // A copy: what came is only lent.
    reading.kept = before === 0 ? Buffer.from(whole) : whole;
    return null;
  }
  reading.kept = null;
  return { text: whole.toString("latin1", 0, size), at: from + size - before };
}

function expectChunk(reading: Reading): void {
  reading.expects = "size";
  reading.digits = 0;
  reading.line = 0;
  reading.left = 0;
}

function takeHead(reading: Reading, bytes: Buffer, from: number): number {
  const gathered = block(reading, bytes, from);
  if (gathered === null) return bytes.length;
  const head = readHead(gathered.text);
  if (head.status === 101) throw new InvalidReply("it wants to switch protocols");
  if (head.status < 200) {
    if (++reading.interim > INTERIM_MAX) throw new InvalidReply(`more than ${INTERIM_MAX} interim replies`);
    return gathered.at;
  }
  const { framing } = head;
  reading.listener.head(head);
  if (framing.kind === "chunked") expectChunk(reading);
  else {
    reading.expects = framing.kind;
    if (framing.kind === "sized") {
      reading.left = framing.bytes;
      if (framing.bytes === 0) return end(reading, gathered.at);
    }
  }
  return gathered.at;
}

function takeBody(reading: Reading, bytes: Buffer, from: number): number {
  const { expects } = reading;
  const to = expects === "until_close" ? bytes.length : Math.min(bytes.length, from + reading.left);
  reading.left -= to - from;
  reading.listener.body(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
  if (expects === "until_close" || reading.left > 0) return to;
  if (expects === "sized") return end(reading, to);
  reading.expects = "chunk_cr";
  return to;
}

/** One byte of a chunk's size line: digits, perhaps extensions, CR, LF. */
function takeSizeByte(reading: Reading, byte: number): void {
  const { expects } = reading;
  if (++reading.line > SIZE_LINE_MAX) throw new InvalidReply(`more than ${SIZE_LINE_MAX} bytes before a chunk`);
  if (expects === "size") {
    const digit = hexDigit(byte);
    if (digit >= 0 && ++reading.digits <= SIZE_DIGITS_MAX) reading.left = reading.left * 16 + digit;
    else if (reading.digits === 0 || reading.digits > SIZE_DIGITS_MAX) throw new InvalidReply("a chunk without a size");
    else if (byte === CR) reading.expects = "size_end";
    else if (byte === 59 || byte === 32 || byte === 9) reading.expects = "extension";
    else throw new InvalidReply("a chunk's size that is no number");
  } else if (expects === "extension") {
    if (byte === CR) reading.expects = "size_end";
    else if ((byte < 32 && byte !== 9) || byte === 127) throw new InvalidReply("a control character before a chunk");
  } else if (byte !== LF) throw new InvalidReply("a line that ends without LF");
  else reading.expects = reading.left === 0 ? "trailer" : "chunk";
}

function takeTrailer(reading: Reading, bytes: Buffer, from: number): number {
  const gathered = block(reading, bytes, from);
  if (gathered === null) return bytes.length;
  if (!isTrailer(gathered.text)) throw new InvalidReply("a trailer that is none");
  return end(reading, gathered.at);
}

/** The line end behind a chunk, byte by byte. */
function takeChunkEnd(reading: Reading, byte: number): void {
  if (byte !== (reading.expects === "chunk_cr" ? CR : LF)) throw new InvalidReply("a chunk longer than its size");
  if (reading.expects === "chunk_cr") reading.expects = "chunk_lf";
  else expectChunk(reading);
}

/** Opens a parser that tells `listener`. */
export function openReplyParser(listener: ReplyListener): ReplyParser {
  const reading: Reading = { listener, expects: "head", kept: null, interim: 0, left: 0, digits: 0, line: 0 };
  return {
    take(bytes) {
      let at = 0;
      while (at < bytes.length && reading.expects !== "over") {
        const { expects } = reading;
        if (expects === "head") at = takeHead(reading, bytes, at);
        else if (expects === "sized" || expects === "chunk" || expects === "until_close") at = takeBody(reading, bytes, at);
        else if (expects === "trailer") at = takeTrailer(reading, bytes, at);
        else if (expects === "chunk_cr" || expects === "chunk_lf") takeChunkEnd(reading, bytes[at++] as number);
        else takeSizeByte(reading, bytes[at++] as number);
      }
      return at;
    },
    finish() {
      if (reading.expects === "until_close") end(reading, 0);
      return reading.expects === "over";
    },
    reset() {
      reading.expects = "head";
      reading.kept = null;
      reading.interim = 0;
    },
  };
}
