/**
 * Coding agents name themselves and their sub-agents in headers of their own. Requests of claude-cli 2.1 and codex
 * (read November 2026): Claude Code sends `User-Agent: claude-cli/…` and, from a sub-agent, `X-Claude-Code-Agent-Id`; Codex
 * sends `originator: codex_…`, and `x-codex-turn-metadata` with the agent's path (`/root` is the first one), or
 * `x-openai-subagent`. Money path: fails closed — a sub-agent's name is checked like any other.
 */
import { type ClaimHeaders, membersOf } from "./claim-headers.js";
import { readName } from "./name.js";

/** An agent, and who started it. */
export interface ClientAgent {
  readonly agent: string;
  readonly parent?: string;
  /** Named by a header, not only known by its client. */
  readonly named: boolean;
  readonly session?: string;
}

const ROOT = "/root";

/** A sub-agent's path without the root it starts from; null for the root itself. */
function belowRoot(path: string): string | null {
  const name = (path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length) : path).replace(/^\/+|\/+$/g, "");
  return name === "" || path === ROOT ? null : name;
}

function codex(headers: ClaimHeaders, base: string): ClientAgent {
  const turn = membersOf(headers["x-codex-turn-metadata"] ?? "") ?? new Map<string, string>();
  const name = belowRoot(turn.get("agent_name")?.trim() ?? ROOT) ?? belowRoot(headers["x-openai-subagent"]?.trim() ?? ROOT);
  const id = turn.get("session_id") ?? turn.get("thread_id") ?? "";
  const session = id.trim() === "" ? {} : { session: readName(id, "x-codex-turn-metadata session_id") };
  if (name === null) return { agent: base, named: false, ...session };
  return { agent: readName(`${base}/${name}`, "sub-agent of Codex"), parent: base, named: true, ...session };
}

function isCodex(headers: ClaimHeaders): boolean {
  const own = headers["x-codex-turn-metadata"] !== undefined || headers["x-openai-subagent"] !== undefined;
  return own || /^codex/i.test(headers.originator ?? "") || /^codex/i.test(headers["user-agent"] ?? "");
}

/**
 * The status by which a client takes a spent budget for final, where 402 does not do that; null elsewhere. Codex asks five
 * more times after any status but 400 and a spent quota (codex 0.169, driven in the tests of coding agents).
 */
export function finalStatusFor(headers: ClaimHeaders): 400 | null {
  return isCodex(headers) ? 400 : null;
}

/**
 * The coding agent behind a request, or null. `pathAgent` (`/agents/{name}/…`) stands in for the client's own name. Throws
 * `invalid_request` for a sub-agent's name that is none.
 */
export function codingAgent(headers: ClaimHeaders, pathAgent: string | undefined): ClientAgent | null {
  const client = headers["user-agent"] ?? "";
  const subAgent = headers["x-claude-code-agent-id"]?.trim() ?? "";
  if (subAgent !== "" || /^claude-cli\//i.test(client)) {
    const base = pathAgent ?? "claude-code";
    if (subAgent === "") return { agent: base, named: false };
    return { agent: readName(subAgent, "x-claude-code-agent-id"), parent: base, named: true };
  }
  return isCodex(headers) ? codex(headers, pathAgent ?? "codex") : null;
}
