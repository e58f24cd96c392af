/**
 * Who is calling. Identity comes from the credential; headers and body only add attribution, and only where the key is
 * trusted for it. Money path: fails closed — what cannot be read is refused, never guessed.
 */
import type { Attribution } from "../accounting/budget/budget.js";
import { baggageOf, claimed, claimsAnything, stepOf, traceId } from "./claim-headers.js";
import { claimedTags, portkeyUser } from "./claim-tags.js";
import { codingAgent } from "./coding-agent.js";
import { readName } from "./name.js";

/** What a key stands for. Found by the surface from the credential. */
export interface KeyIdentity {
  readonly name: string;
  readonly team?: string;
  readonly agent?: string;
  readonly user?: string;
  /** Globs of models it may use; absent allows all. */
  readonly models?: readonly string[];
  /** Status of a final budget refusal; absent: 402, or what the client takes for final (see coding-agent.ts). */
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

/** Agent of a call that names none. */
const UNATTRIBUTED = "unattributed";

/** Text that a body may leave out or leave blank. */
function inBody(value: string | null | undefined, what: string): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? readName(value, what) : undefined;
}

/** Who and what a trusted request says it is. Throws `invalid_request` on what cannot be read. */
function claimsOf(key: KeyIdentity, claims: AttributionClaims): Loose {
  const { headers } = claims;
  const fromPath = claims.path_agent === undefined ? undefined : readName(claims.path_agent, "agent in the path");
  const client = codingAgent(headers, fromPath);
  const subAgent = client?.named === true ? client.agent : undefined;
  const baggage = baggageOf(headers);
  const agent = claimed(headers, "agent") ?? subAgent ?? inBody(baggage.get("gen_ai.agent.name"), "gen_ai.agent.name");
  const known = agent ?? fromPath ?? client?.agent;
  const startedBy = known === subAgent ? client?.parent : undefined;
  const session =
    claimed(headers, "session") ??
    client?.session ??
    inBody(claims.body_session, "session in the body") ??
    inBody(baggage.get("gen_ai.conversation.id"), "gen_ai.conversation.id");
  return {
    agent: key.agent ?? known,
    user: key.user ?? claimed(headers, "user") ?? portkeyUser(headers) ?? inBody(claims.body_user, "user"),
    task: claimed(headers, "task") ?? session ?? traceId(headers),
    task_type: claimed(headers, "task_type"),
    parent_agent: claimed(headers, "parent") ?? (key.agent === undefined ? startedBy : undefined),
    session,
    step: stepOf(headers),
    tags: claimedTags(headers, claims.body_tags ?? {}),
  };
}

/**
 * Joins what the key says with what the request claims. A claim never replaces what the key fixes; without one the agent
 * is the coding agent whose client it is, else `unattributed`.
 */
export function identify(key: KeyIdentity, claims: AttributionClaims): Identified {
  const fixed = { key: key.name, team: key.team, user: key.user, agent: key.agent };
  if (!key.trusts_attribution) {
    const ignored = claimsAnything(claims.headers) || claims.path_agent !== undefined;
    return { caller: compact({ ...fixed, agent: key.agent ?? UNATTRIBUTED }), warnings: ignored ? ["attribution_ignored"] : [] };
  }
  const said = claimsOf(key, claims);
  return { caller: compact({ ...fixed, ...said, agent: said.agent ?? UNATTRIBUTED }), warnings: [] };
}

type Loose = { [K in keyof Omit<Attribution, "model">]?: Attribution[K] | undefined };

/** Without the names that nobody gave: an absent one is not in the log either. */
function compact(caller: Loose & { key: string; agent: string }): Omit<Attribution, "model"> {
  const known: Record<string, unknown> = {};
  for (const name of Object.keys(caller) as (keyof Loose)[]) if (caller[name] !== undefined) known[name] = caller[name];
  return known as unknown as Omit<Attribution, "model">;
}
