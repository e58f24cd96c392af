/**
 * The head of an HTTP/1.1 reply, read strictly (RFC 9112): what could be understood in two ways is refused. Money path:
 * fails closed — whoever cannot tell where a reply ends cannot tell what was billed.
 */

/** Bytes of a head at most, its last empty line included; also of a chunked body's trailer. */
export const HEAD_BYTES_MAX = 16_384;
/** Header lines of a head at most. */
const HEADERS_MAX = 256;

/** The reply is no valid HTTP/1.1, or exceeds a bound. */
export class InvalidReply extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvalidReply";
  }
}

/** How the end of a body is told. */
export type Framing =
  | { readonly kind: "sized"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** The connection's end is the body's. */
  | { readonly kind: "until_close" };

/** A reply's head. */
export interface ReplyHead {
  readonly status: number;
  /** Name (lower case) and value in turns, as they came; values as latin1. */
  readonly headers: readonly string[];
  readonly framing: Framing;
  /** Another request may go over the connection once the body has ended. */
  readonly keeps: boolean;
  /** How long the server keeps an idle connection, where it says so. */
  readonly keep_ms: number | null;
}

/** Status lines and header lines, each with its line end; nothing else. A folded line, a bare CR or LF and NUL match nowhere. */
const HEAD =
  /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n$/;
/** The lines of a trailer, with the empty one that ends it. */
const TRAILER = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n$/;
const LENGTH = /^\d{1,15}$/;
const NO_BODY: Framing = { kind: "sized", bytes: 0 };
const CHUNKED: Framing = { kind: "chunked" };
const UNTIL_CLOSE: Framing = { kind: "until_close" };

/** Is a trailer's text (up to its last line end) made of header lines? */
export function isTrailer(text: string): boolean {
  return TRAILER.test(text);
}

const isBlank = (code: number): boolean => code === 32 || code === 9;

/** A value without the blanks and tabs around it; `trim` would also take off what is no blank in HTTP. */
function bare(line: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

/** The lines of a head as names and values. Throws InvalidReply when there are too many. */
function readLines(lines: string): string[] {
  const headers: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf("\r\n", at);
    const colon = lines.indexOf(":", at);
    if (headers.length === 2 * HEADERS_MAX) throw new InvalidReply(`more than ${HEADERS_MAX} headers`);
    headers.push(lines.slice(at, colon).toLowerCase(), bare(lines, colon + 1, end));
    at = end + 2;
  }
  return headers;
}

/** What the headers say of the framing, each name at most once. */
interface Said {
  length: string | null;
  coding: string | null;
  connection: string;
  keep_alive: string;
}

function framingHeaders(headers: readonly string[]): Said {
  const said: Said = { length: null, coding: null, connection: "", keep_alive: "" };
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at];
    const value = headers[at + 1] ?? "";
    if (name === "content-length") {
      if (said.length !== null) throw new InvalidReply("content-length more than once");
      if (!LENGTH.test(value)) throw new InvalidReply(`content-length ${JSON.stringify(value.slice(0, 40))}`);
      said.length = value;
    } else if (name === "transfer-encoding") {
      // Only chunked is understood; a list of codings, or one said twice, is what smuggling is made of.
      if (said.coding !== null || value.toLowerCase() !== "chunked")
        throw new InvalidReply(`transfer-encoding ${JSON.stringify(value.slice(0, 40))}`);
      said.coding = value;
    } else if (name === "connection") said.connection += `,${value.toLowerCase()}`;
    else if (name === "keep-alive") said.keep_alive = value;
  }
  return said;
}

function framingOf(status: number, said: Said, version: string): Framing {
  if (said.coding !== null && said.length !== null) throw new InvalidReply("content-length beside transfer-encoding");
  if (said.coding !== null && version === "0") throw new InvalidReply("transfer-encoding in HTTP/1.0");
  if (status < 200 || status === 204 || status === 304) return NO_BODY;
  if (said.coding !== null) return CHUNKED;
  return said.length === null ? UNTIL_CLOSE : { kind: "sized", bytes: Number(said.length) };
}

/** Reads a head: `text` is latin1 and ends with the empty line. Throws InvalidReply. Pure. */
export function readHead(text: string): ReplyHead {
  const [, version = "", code = "", lines = ""] = HEAD.exec(text) ?? [];
  if (version === "") throw new InvalidReply(`no head of HTTP/1.1: ${JSON.stringify(text.slice(0, 40))}`);
  const status = Number(code);
  const headers = readLines(lines);
  const said = framingHeaders(headers);
  const framing = framingOf(status, said, version);
  const options = said.connection.split(",").map((option) => option.trim());
  const seconds = /(?:^|[,; ])timeout=(\d{1,9})/i.exec(said.keep_alive)?.[1];
  const kept = version === "1" ? !options.includes("close") : options.includes("keep-alive");
  return {
    status,
    headers,
    framing,
    keeps: kept && framing.kind !== "until_close",
    keep_ms: seconds === undefined ? null : Number(seconds) * 1000,
  };
}
