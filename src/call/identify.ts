/**
 * Who is calling. Identity comes from the credential; headers and body only add attribution, and only where the key is
 * trusted for it. Money path: fails closed — what cannot be read is refused, never guessed.
 */
import type { Attribution } from "../accounting/budget/budget.js";
import { BursarError } from "../accounting/errors.js";

/** What a key stands for. Found by the surface from the credential. */
export interface KeyIdentity {
  readonly name: string;
  readonly team?: string;
  readonly agent?: string;
  readonly user?: string;
  /** Globs of models it may use; absent allows all. */
  readonly models?: readonly string[];
  /** Status of a final budget refusal; default 402. */
  readonly exhausted_status?: 400 | 402 | 403 | 429;
  /** May headers, paths and body fields say who is calling? */
  readonly trusts_attribution: boolean;
  /** Most uses of server-side tools, sent with requests that bound none; absent: such requests are refused on hard budgets. */
  readonly tool_uses_max?: number;
  /** Routes it may use, by dialect (`openai-*` is a glob); absent allows all. */
  readonly routes?: readonly string[];
  /** Top-level request fields allowed although they may affect money. `*` allows all. */
  readonly allow_parameters?: readonly string[];
}

/** What the request itself says about its origin. */
export interface AttributionClaims {
  /** Lower-case header names. */
  readonly headers: Readonly<Record<string, string>>;
  /** From `/agents/{name}/…`, decoded. */
  readonly path_agent?: string;
  readonly body_user?: string | null;
  readonly body_session?: string | null;
  readonly body_tags?: Readonly<Record<string, string>>;
}

/** Attribution before the model is known, and what was ignored. */
export interface Identified {
  readonly caller: Omit<Attribution, "model">;
  readonly warnings: readonly string[];
}

/** Longest name, in characters; longer ones are refused, not cut. */
export const NAME_MAX = 256;
const TAGS_MAX = 32;

type Claim = "agent" | "parent" | "task" | "session" | "user" | "task_type";

/** Spellings of the same claim in the field, first one present wins (4-wire: Who is calling). */
const SPELLINGS: Readonly<Record<Claim, readonly string[]>> = {
  agent: ["x-bursar-agent", "x-claude-code-agent-id"],
  parent: ["x-bursar-parent"],
  task: ["x-bursar-task"],
  session: ["x-bursar-session", "x-claude-code-session-id", "session_id", "x-litellm-session-id", "helicone-session-id"],
  user: ["x-bursar-user", "x-litellm-end-user-id", "helicone-user-id"],
  task_type: ["x-bursar-task-type"],
};

/** A name as a claim gives it: trimmed, 1 to 256 characters, no control characters. Throws `invalid_request`. */
export function readName(value: string, what: string): string {
  const name = value.trim().toWellFormed();
  if (name.length === 0) throw new BursarError("invalid_request", `The ${what} is empty; leave it out or give it a name.`);
  if (name.length > NAME_MAX) {
    throw new BursarError("invalid_request", `The ${what} has ${name.length} characters; at most ${NAME_MAX} are accepted.`);
  }
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
      throw new BursarError("invalid_request", `The ${what} contains a control character (code ${code}); remove it.`);
    }
  }
  return name;
}

function claimed(headers: AttributionClaims["headers"], claim: Claim): string | undefined {
  for (const spelling of SPELLINGS[claim]) {
    const value = headers[spelling];
    if (value !== undefined && value.trim() !== "") return readName(value, spelling);
  }
  return undefined;
}

/** The trace id of a W3C `traceparent`, or undefined. Source: https://www.w3.org/TR/trace-context/#traceparent-header */
function traceId(headers: AttributionClaims["headers"]): string | undefined {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(headers.traceparent ?? "");
  return match?.[1] === "0".repeat(32) ? undefined : match?.[1];
}

/** Tags of `x-bursar-tags: a=b,c=d` and the same list of `x-litellm-tags` (names without a value get `true`). */
function readTags(claims: AttributionClaims): Record<string, string> {
  const tags: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(claims.body_tags ?? {}))
    tags[readName(name, "tag")] = readName(value, `tag ${name}`);
  for (const header of ["x-litellm-tags", "x-bursar-tags"]) {
    for (const pair of (claims.headers[header] ?? "").split(",")) {
      if (pair.trim() === "") continue;
      const equals = pair.indexOf("=");
      const name = readName(equals < 0 ? pair : pair.slice(0, equals), "tag");
      tags[name] = equals < 0 ? "true" : readName(pair.slice(equals + 1), `tag ${name}`);
    }
  }
  for (const [header, value] of Object.entries(claims.headers)) {
    if (header.startsWith("helicone-property-"))
      tags[readName(header.slice("helicone-property-".length), "tag")] = readName(value, header);
  }
  const count = Object.keys(tags).length;
  if (count > TAGS_MAX) throw new BursarError("invalid_request", `The call has ${count} tags; at most ${TAGS_MAX} are accepted.`);
  return tags;
}

function readStep(headers: AttributionClaims["headers"]): number | undefined {
  const text = headers["x-bursar-step"];
  if (text === undefined) return undefined;
  const step = Number(text);
  if (!/^\d{1,9}$/.test(text.trim()) || !Number.isSafeInteger(step)) {
    throw new BursarError(
      "invalid_request",
      `x-bursar-step is ${JSON.stringify(text)}; it takes a whole number from 0 to 999999999.`,
    );
  }
  return step;
}

/** Joins what the key says with what the request claims. A claim never replaces what the key fixes. */
export function identify(key: KeyIdentity, claims: AttributionClaims): Identified {
  const fixed = { key: key.name, team: key.team, user: key.user };
  if (!key.trusts_attribution) {
    const ignored = Object.values(SPELLINGS).some((names) => names.some((name) => claims.headers[name] !== undefined));
    const warnings = ignored || claims.path_agent !== undefined ? ["attribution_ignored"] : [];
    return { caller: compact({ ...fixed, agent: key.agent ?? "unattributed" }), warnings };
  }
  const { headers } = claims;
  const fromPath = claims.path_agent === undefined ? undefined : readName(claims.path_agent, "agent in the path");
  const session = claimed(headers, "session");
  const tags = readTags(claims);
  const bodyUser =
    typeof claims.body_user === "string" && claims.body_user.trim() !== "" ? readName(claims.body_user, "user") : undefined;
  const caller = compact({
    ...fixed,
    agent: key.agent ?? claimed(headers, "agent") ?? fromPath ?? "unattributed",
    user: key.user ?? claimed(headers, "user") ?? bodyUser,
    task: claimed(headers, "task") ?? session ?? traceId(headers),
    task_type: claimed(headers, "task_type"),
    parent_agent: claimed(headers, "parent"),
    session,
    step: readStep(headers),
    tags: Object.keys(tags).length > 0 ? tags : undefined,
  });
  return { caller, warnings: [] };
}

type Loose = { [K in keyof Omit<Attribution, "model">]?: Attribution[K] | undefined };

function compact(caller: Loose & { key: string; agent: string }): Omit<Attribution, "model"> {
  const entries = Object.entries(caller).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as Omit<Attribution, "model">;
}
