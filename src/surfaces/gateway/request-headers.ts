import { SECRET_HEADERS } from "../credential.js";

/** A request's headers, names in lower case, values as text. */
export interface RequestHeaders {
  /** All of them, credentials included: for the door alone. */
  readonly all: Readonly<Record<string, string>>;
  /** Those that may go down the road. */
  readonly plain: Readonly<Record<string, string>>;
}

/** Of these the first one counts where a client sends several; those of other names are joined, as node's own reading does. */
const FIRST_COUNTS: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent",
]);

/** Header bytes as UTF-8 where they are (node reads them as latin1), so that a name is the same in path, body and header. */
function headerText(value: string): string {
  if (/^[\x20-\x7e\t]*$/.test(value)) return value;
  const text = Buffer.from(value, "latin1").toString("utf8");
  return text.includes("\ufffd") ? value : text;
}

/** Reads names and values in turns, in one pass: node's own reading of them into an object is then never made. Pure. */
export function readHeaders(raw: readonly string[]): RequestHeaders {
  const all: Record<string, string> = {};
  const plain: Record<string, string> = {};
  for (let at = 0; at < raw.length; at += 2) {
    const name = (raw[at] as string).toLowerCase();
    const value = raw[at + 1] as string;
    const before = all[name];
    // A header may be called "constructor": what every object has is no text.
    const again = typeof before === "string";
    if (again && FIRST_COUNTS.has(name)) continue;
    const whole = again ? `${before}${name === "cookie" ? "; " : ", "}${value}` : value;
    all[name] = whole;
    if (!SECRET_HEADERS.has(name)) plain[name] = headerText(whole);
  }
  return { all, plain };
}
