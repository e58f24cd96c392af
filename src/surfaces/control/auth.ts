/** Who may ask the control plane. Money path: fails closed — what cannot be told apart from a stranger is one. */
import { createHash, timingSafeEqual } from "node:crypto";
import { BursarError } from "../../accounting/errors.js";
import type { KeyIdentity } from "../../call/identify.js";
import type { Actor, Permission } from "../../desk/command.js";
import { whyStranger } from "../stranger.js";

/** How the control plane knows people and keys. */
export interface ControlAuth {
  /** The admin token, or null when none is configured. Asked every time: it may change with the file. */
  adminToken(): string | null;
  /** The identity behind a data-plane key, or null. */
  findKey(token: string): KeyIdentity | null;
  /** Is any token a key (no configuration file)? Then only this machine's own requests are let in. */
  anyKey?(): boolean;
}

/** What authorization looks at. */
export interface Visitor {
  readonly headers: Headers;
  /** Address of the other end of the socket; null when unknown, which counts as not this machine. */
  readonly remote: string | null;
}

const KEY_HEADERS = ["x-api-key", "x-goog-api-key", "api-key"];
const TOKEN_MAX = 4_096;

function bearer(headers: Headers): string | null {
  const token = /^Bearer\s+(.+)$/i.exec(headers.get("authorization") ?? "")?.[1]?.trim() ?? "";
  return token === "" || token.length > TOKEN_MAX ? null : token;
}

function same(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(one), digest(other));
}

function stranger({ headers, remote }: Visitor): string | null {
  return whyStranger({ header: (name) => headers.get(name), remote });
}

function admin(auth: ControlAuth, visitor: Visitor): Actor {
  const expected = auth.adminToken();
  const given = bearer(visitor.headers);
  if (expected !== null && expected !== "") {
    if (given !== null && same(given, expected)) return { name: "admin", key: null };
    throw new BursarError(
      "unauthorized",
      "This takes the admin token: Authorization: Bearer TOKEN (BURSAR_ADMIN_TOKEN, or server.admin_token).",
    );
  }
  const why = stranger(visitor);
  if (why === null) return { name: "local", key: null };
  throw new BursarError(
    "forbidden",
    `Without an admin token only requests of this machine itself are served, and ${why}. Set BURSAR_ADMIN_TOKEN and send it as Bearer token.`,
  );
}

function keyHolder(auth: ControlAuth, visitor: Visitor): Actor {
  const token =
    bearer(visitor.headers) ?? KEY_HEADERS.map((name) => visitor.headers.get(name)).find((value) => value !== null) ?? null;
  const key = token === null || token.length > TOKEN_MAX ? null : auth.findKey(token.trim());
  const why = auth.anyKey?.() === true ? stranger(visitor) : null;
  if (why !== null)
    throw new BursarError("forbidden", `Without a configuration file only this machine itself is served, and ${why}.`);
  if (key !== null) return { name: `key:${key.name}`, key };
  throw new BursarError("unauthorized", "The key is missing or not known. Send a data-plane key as Authorization: Bearer KEY.");
}

/** Who asks, if they may. Throws `unauthorized` or `forbidden`. */
export function authorize(auth: ControlAuth, visitor: Visitor, permission: Permission): Actor {
  return permission === "self" ? keyHolder(auth, visitor) : admin(auth, visitor);
}
