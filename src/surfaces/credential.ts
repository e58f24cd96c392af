/** Credentials of the data plane. Money path: fails closed — every cause of failure gives the same 401. */
import { hash, timingSafeEqual } from "node:crypto";
import type { KeyIdentity } from "../call/identify.js";

/** Headers that may carry a credential, in the order they are looked at. Bursar's own goes first: it is never anybody else's. */
const CREDENTIAL_HEADERS = ["x-bursar-key", "authorization", "x-api-key", "x-goog-api-key", "api-key"] as const;
const OWN_HEADER = ["x-bursar-key"] as const;
/** What a client shows a provider: the credential itself, and the account it is for (ChatGPT subscriptions). */
const CLIENT_CREDENTIALS = ["authorization", "x-api-key", "x-goog-api-key", "api-key", "chatgpt-account-id"] as const;
/** Longest token looked at; a longer one is unknown. */
const TOKEN_MAX = 4_096;

/** Headers that never leave Bursar but to a provider with `passthrough`: the client's credentials and what could carry them. */
export const SECRET_HEADERS: ReadonlySet<string> = new Set([
  ...CREDENTIAL_HEADERS,
  ...CLIENT_CREDENTIALS,
  "cookie",
  "proxy-authorization",
]);

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The token in a header's value, or null: `Authorization` takes Bearer tokens only. */
function tokenIn(name: string, value: string | string[] | undefined): string | null {
  if (typeof value !== "string" || value.length > TOKEN_MAX) return null;
  if (name !== "authorization" && name !== "x-bursar-key") return value.trim() || null;
  const bearer = /^Bearer\s+(.+)$/i.exec(value)?.[1];
  return (name === "authorization" ? (bearer ?? "") : (bearer ?? value)).trim() || null;
}

/** Does a value hold a key of Bursar, by whatever scheme it is written? */
function holdsKey(name: string, value: string, identify: (token: string) => KeyIdentity | null): boolean {
  const encoded = /^Basic\s+(\S+)/i.exec(value.trim())?.[1];
  const pair = encoded === undefined ? [] : Buffer.from(encoded, "base64").toString("utf8").split(":");
  const tokens = [tokenIn(name, value), value.trim(), ...value.split(/[\s,]+/), ...pair];
  return tokens.some((token) => token !== null && token !== "" && identify(token) !== null);
}

/** A request that a key stands behind. */
export interface Admitted {
  readonly key: KeyIdentity;
  /** The client's own credentials for a provider with `passthrough`; never one that is a key of Bursar. Secret. */
  readonly credentials: Readonly<Record<string, string>>;
}

/**
 * Finds the key of a request: of `x-bursar-key` alone where it is sent, else the first known one among the other headers
 * and Gemini's `?key=`. Null when none is known: a caller is not told which was tried.
 */
export function admit(request: {
  readonly headers: RawHeaders;
  readonly queryKey?: string | undefined;
  readonly identify: (token: string) => KeyIdentity | null;
}): Admitted | null {
  const { headers, queryKey, identify } = request;
  const own = headers["x-bursar-key"] !== undefined;
  for (const name of own ? OWN_HEADER : CREDENTIAL_HEADERS) {
    const token = tokenIn(name, headers[name]);
    const key = token === null ? null : identify(token);
    if (key !== null) return { key, credentials: clientCredentials(headers, { except: name, identify }) };
  }
  const token = own || queryKey === undefined ? null : tokenIn("?key", queryKey);
  const key = token === null ? null : identify(token);
  return key === null ? null : { key, credentials: clientCredentials(headers, { except: null, identify }) };
}

const NO_CREDENTIALS: Readonly<Record<string, string>> = Object.freeze({});

/** What the client shows a provider. `except` is the header that brought the key of Bursar: it is none of these. */
function clientCredentials(
  headers: RawHeaders,
  of: { except: string | null; identify: (token: string) => KeyIdentity | null },
): Readonly<Record<string, string>> {
  let credentials: Record<string, string> | null = null;
  let opens = false;
  for (const name of CLIENT_CREDENTIALS) {
    const value = headers[name];
    if (name === of.except || typeof value !== "string" || value.trim() === "") continue;
    if (holdsKey(name, value, of.identify)) continue;
    credentials ??= {};
    credentials[name] = value;
    if (name !== "chatgpt-account-id") opens = true;
  }
  // An account without a credential for it opens nothing.
  return credentials === null || !opens ? NO_CREDENTIALS : credentials;
}

/** A key as the surface knows it: the digest of its token and what it stands for. */
export interface KnownKey {
  readonly digest: Buffer;
  readonly identity: KeyIdentity;
}

/** SHA-256 of a token. */
export function digestOf(token: string): Buffer {
  return hash("sha256", token, "buffer");
}

/** Finds the key of a token. Only digests are kept and compared, in constant time for a given number of keys. */
export function findKey(keys: readonly KnownKey[], token: string): KeyIdentity | null {
  const digest = digestOf(token);
  let found: KeyIdentity | null = null;
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key.identity;
  return found;
}
