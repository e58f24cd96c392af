/** The log as it grows, for whoever listens. Watching path: fails open — a listener that cannot keep up is told so and left. */
import { z } from "zod";
import type { Entry } from "../accounting/ledger/entry.js";
import { usdText } from "../accounting/units/money.js";
import { instantJson, shownUsd } from "./amount.js";
import { defineFeed, type FeedItem } from "./command.js";
import type { DeskNeeds } from "./needs.js";

/** Entries that may wait for a listener before it counts as too slow. */
export const WAITING_MAX = 5_000;
/** Calls whose agent is remembered while filtering. */
const AGENTS_KEPT = 10_000;

const ENTRY_TYPES = [
  "call.held",
  "call.extended",
  "call.posted",
  "call.overrun",
  "call.voided",
  "call.presumed",
  "call.refused",
  "budget.changed",
] as const satisfies readonly Entry["type"][];

const input = z.strictObject({
  type: z.array(z.enum(ENTRY_TYPES)).optional().describe("only entries of these types"),
  agent: z.string().optional().describe("only entries of this agent's calls"),
  after: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe("start behind this entry; 0 is the whole log; without it: from now on"),
});

/** Does an entry pass the filters? Remembers whose call is whose, since later entries of a call do not name the agent. */
function openFilter(needs: DeskNeeds, query: z.output<typeof input>): (entry: Entry) => boolean {
  const agents = new Map<string, string>();
  const types = query.type === undefined || query.type.length === 0 ? null : new Set<string>(query.type);

  function agentOf(entry: Entry): string | undefined {
    if (entry.type === "budget.changed") return undefined;
    if (entry.type === "call.posted") return entry.agent;
    if (entry.type === "call.held" || entry.type === "call.refused") {
      if (agents.size >= AGENTS_KEPT) for (const oldest of agents.keys()) if (agents.delete(oldest)) break;
      agents.set(entry.call_id, entry.attribution.agent);
      return entry.attribution.agent;
    }
    return agents.get(entry.call_id) ?? needs.calls.agentOf(entry.call_id);
  }

  return (entry) => {
    if (query.agent !== undefined && agentOf(entry) !== query.agent) return false;
    return types === null || types.has(entry.type);
  };
}

/** Entries as they become durable, waiting for their reader in a bounded queue. */
function openQueue(needs: DeskNeeds, signal: AbortSignal) {
  let waiting: Entry[] = [];
  let overflowed = false;
  let wake: (() => void) | null = null;
  const stop = needs.ledger.subscribe((entries) => {
    if (waiting.length + entries.length > WAITING_MAX) {
      overflowed = true;
      waiting = [];
    } else if (!overflowed) waiting.push(...entries);
    wake?.();
  });
  const aborted = (): void => wake?.();
  signal.addEventListener("abort", aborted);
  return {
    /** Everything that waits; waits itself until there is something. Null: entries were lost to the bound. */
    async take(): Promise<readonly Entry[] | null> {
      while (waiting.length === 0 && !overflowed && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (overflowed) {
        overflowed = false;
        return null;
      }
      const taken = waiting;
      waiting = [];
      return taken;
    },
    close(): void {
      stop();
      signal.removeEventListener("abort", aborted);
    },
  };
}

function item(entry: Entry): FeedItem {
  return { kind: "entry", seq: entry.seq, type: entry.type, json: JSON.stringify(entry) };
}

/**
 * Yields every entry after `after` that passes, each once and in order: first what is stored, then what comes. Listening
 * begins before the stored part is read, so that nothing falls between the two.
 */
async function* watch(
  needs: DeskNeeds,
  query: z.output<typeof input>,
  using: { after: number | null; signal: AbortSignal },
): AsyncGenerator<FeedItem> {
  const passes = openFilter(needs, query);
  const queue = openQueue(needs, using.signal);
  const after = using.after ?? query.after ?? null;
  try {
    let last = after;
    if (last !== null) {
      for await (const entry of needs.ledger.read(last + 1)) {
        if (using.signal.aborted) return;
        last = entry.seq;
        if (passes(entry)) yield item(entry);
      }
    }
    let caughtUp = false;
    while (!using.signal.aborted) {
      const entries = await queue.take();
      if (entries === null || (last !== null && (entries[0]?.seq ?? 0) > last + 1)) {
        if (caughtUp || last === null) {
          yield { kind: "lagging" };
          return;
        }
        // The queue overflowed while the stored part was read: that is no fault of the listener's; read on.
        for await (const entry of needs.ledger.read(last + 1)) {
          if (using.signal.aborted) return;
          last = entry.seq;
          if (passes(entry)) yield item(entry);
        }
        continue;
      }
      for (const entry of entries) {
        if (last !== null && entry.seq <= last) continue;
        last = entry.seq;
        if (passes(entry)) yield item(entry);
      }
      caughtUp = true;
    }
  } finally {
    queue.close();
  }
}

/** An entry in one line: when, what, whose and how much. */
function line(json: string): string {
  const entry = JSON.parse(json) as Entry;
  const at = instantJson(entry.at);
  if (entry.type === "budget.changed") return `${at}  ${entry.type}  ${entry.budget} ${entry.change.kind} by ${entry.actor}`;
  const agent = entry.type === "call.posted" ? entry.agent : "attribution" in entry ? entry.attribution.agent : "";
  const nano = "nano" in entry ? entry.nano : "ceiling" in entry ? entry.ceiling.nano : null;
  const money = nano === null ? "" : shownUsd(usdText(BigInt(nano)));
  const why = entry.type === "call.refused" ? entry.message : entry.type === "call.presumed" ? entry.reason : "";
  return [at, entry.type, agent, entry.attempt_id, money, why].filter((part) => part !== "").join("  ");
}

/** `events`: the log as it grows. */
export const events = defineFeed({
  name: "events",
  summary: "The log as it grows: every hold, post, refusal and budget change",
  permission: "read",
  method: "GET",
  path: "/events",
  input,
  watch,
  line,
  cli: { positional: [], example: "bursar events --type call.refused" },
});
