/**
 * Who is calling, as headers spell it: Bursar's own, those of coding agents and of other gateways, and W3C's. Every name
 * goes through the same check. Money path: fails closed — a header that is meant to say who calls and cannot be read is
 * refused; what tracing carries for everybody (`baggage`, `traceparent`) is ignored where it cannot be read.
 */
import { BursarError } from "../accounting/errors.js";
import { readName } from "./name.js";

/** Lower-case header names. */
export type ClaimHeaders = Readonly<Record<string, string>>;

type Claim = "agent" | "parent" | "task" | "session" | "user" | "task_type";

/**
 * Spellings of the same claim, first one present wins. Claude Code's and Codex's are those of their requests
 * (claude-cli 2.1, codex 0.14x, read November 2026), the others those of each product's documentation.
 */
const SPELLINGS: Readonly<Record<Claim, readonly string[]>> = {
  agent: ["x-bursar-agent"],
  parent: ["x-bursar-parent", "x-claude-code-parent-agent-id"],
  task: ["x-bursar-task"],
  session: [
    "x-bursar-session",
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "x-litellm-session-id",
    "helicone-session-id",
    "thread-id",
    "conversation_id",
  ],
  user: ["x-bursar-user", "x-litellm-end-user-id", "helicone-user-id"],
  task_type: ["x-bursar-task-type"],
};

/** Headers of which one may name a part of a client's work, beside the spellings. */
const OTHER_CLAIMS = ["x-claude-code-agent-id", "x-openai-subagent", "x-portkey-metadata", "cf-aig-metadata"];

/** Headers by which coding agents are known. */
const CLIENT_HEADERS = ["user-agent", "originator"];
/** Headers that carry tags. */
const TAG_HEADERS = ["x-bursar-tags", "x-litellm-tags"];
/** Headers of which a client sends another value with every request. */
const CHANGING: ReadonlySet<string> = new Set(["traceparent", "baggage", "x-bursar-step", "x-codex-turn-metadata"]);

/** What the headers begin with that each carry one tag. */
export const HELICONE_PROPERTY = "helicone-property-";

const CLAIMING: ReadonlySet<string> = new Set([
  ...Object.values(SPELLINGS).flat(),
  ...OTHER_CLAIMS,
  ...CLIENT_HEADERS,
  ...TAG_HEADERS,
  ...CHANGING,
]);

/** May a header say something about who is calling, or what for? All others are not looked at. */
export function carriesClaim(name: string): boolean {
  return CLAIMING.has(name) || name.startsWith(HELICONE_PROPERTY);
}

/** Is a header's value another one with every call? */
export function changesByCall(name: string): boolean {
  return CHANGING.has(name);
}

/** Does any header claim who is calling? Tracing alone does not. */
export function claimsAnything(headers: ClaimHeaders): boolean {
  const named = (name: string): boolean => headers[name] !== undefined;
  return Object.values(SPELLINGS).some((names) => names.some(named)) || OTHER_CLAIMS.some(named);
}

/** A claim by its headers, or undefined. Throws `invalid_request` naming the header. */
export function claimed(headers: ClaimHeaders, claim: Claim): string | undefined {
  for (const spelling of SPELLINGS[claim]) {
    const value = headers[spelling];
    if (value !== undefined && value.trim() !== "") return readName(value, spelling);
  }
  return undefined;
}

/** The trace id of a W3C `traceparent`, or undefined. Source: https://www.w3.org/TR/trace-context/#traceparent-header */
export function traceId(headers: ClaimHeaders): string | undefined {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(headers.traceparent ?? "");
  return match?.[1] === "0".repeat(32) ? undefined : match?.[1];
}

/** The ordinal of `x-bursar-step`. Throws `invalid_request`. */
export function stepOf(headers: ClaimHeaders): number | undefined {
  const text = headers["x-bursar-step"];
  if (text === undefined) return undefined;
  const step = Number(text);
  if (!/^\d{1,9}$/.test(text.trim()) || !Number.isSafeInteger(step)) {
    throw new BursarError(
      "invalid_request",
      `x-bursar-step is ${JSON.stringify(text.slice(0, 40))}; it takes a whole number from 0 to 999999999.`,
    );
  }
  return step;
}

/** Longest header value that is looked into. */
const LOOKED_INTO_MAX = 8_192;

/** A JSON object's members that are text, numbers or booleans, as text; null when the text is no such object. */
export function membersOf(text: string): ReadonlyMap<string, string> | null {
  if (text.length > LOOKED_INTO_MAX) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const plain = Object.entries(value).filter(([, member]) => ["string", "number", "boolean"].includes(typeof member));
  return new Map(plain.map(([name, member]) => [name, String(member)]));
}

const NO_BAGGAGE: ReadonlyMap<string, string> = new Map();

/**
 * Members of a W3C `baggage` header, percent-decoded, properties left out; what cannot be read is not there.
 * Source: https://www.w3.org/TR/baggage/#header-content (64 members and 8,192 bytes at least are to be propagated).
 */
export function baggageOf(headers: ClaimHeaders): ReadonlyMap<string, string> {
  const text = headers.baggage ?? "";
  if (text === "" || text.length > LOOKED_INTO_MAX) return NO_BAGGAGE;
  const found = new Map<string, string>();
  for (const member of text.split(",")) {
    const pair = member.split(";", 1)[0] ?? "";
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(0, equals)).trim();
    if (name === "") continue;
    try {
      found.set(name, decodeURIComponent(pair.slice(equals + 1).trim()));
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
    }
  }
  return found;
}
