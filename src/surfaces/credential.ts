/** Credentials of the data plane. Money path: fails closed — every cause of failure gives the same 401. */
import { hash, timingSafeEqual } from "node:crypto";
import type { KeyIdentity } from "../call/identify.js";

const CREDENTIAL_HEADERS = ["authorization", "x-api-key", "x-goog-api-key", "api-key"] as const;
/** Longest token looked at; a longer one is unknown. */
const TOKEN_MAX = 4_096;

/** Headers that never leave Bursar: the client's credentials and what could carry them. */
export const SECRET_HEADERS: ReadonlySet<string> = new Set([...CREDENTIAL_HEADERS, "cookie", "proxy-authorization"]);

/** The token a request presents, or null. */
export function presentedToken(headers: Readonly<Record<string, string | string[] | undefined>>): string | null {
  for (const name of CREDENTIAL_HEADERS) {
    const value = headers[name];
    if (typeof value !== "string" || value === "") continue;
    const token = name === "authorization" ? (/^Bearer\s+(.+)$/i.exec(value)?.[1] ?? "") : value;
    if (token.trim() !== "" && token.length <= TOKEN_MAX) return token.trim();
  }
  return null;
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
