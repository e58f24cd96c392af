/** An agent at work: its conversation, and for the one that loops, the same search again and again. */
import { formatCount } from "../../../accounting/units/amount.js";
import { formatUsdShort, parseUsd } from "../../../accounting/units/money.js";
import type { Seen } from "../replay/traffic.js";
import { type Answered, callAs, type Turn } from "./agent-call.js";
import type { DemoAgent } from "./demo-agents.js";

/** What became of an agent's task. */
export interface Worked {
  readonly agent: DemoAgent;
  readonly calls: number;
  /** Nano-dollars, as its answers told. */
  readonly spent: bigint;
  /** The refusal that ended it; null when it finished. */
  readonly refusal: Answered["error"];
  readonly seen: readonly Seen[];
}

/** What an agent works with. */
export interface Workplace {
  readonly url: string;
  readonly keys: ReadonlyMap<string, string>;
  /** Says a line to whoever watches. */
  readonly say: (line: string) => void;
  /** Waits as a real agent's tools would; nothing when in a hurry. */
  readonly pause: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** No loop runs longer than this, whatever the budgets say. */
const CALLS_MAX = 60;
const RESULT_CHARS = 40_000;
const SNIPPET =
  "The market report counts units sold by country and year and warns that its figures for the current year are estimates. ";

/** What the search finds, every time: a page much longer than anybody needs. */
function searchResult(id: string): Turn {
  const content = SNIPPET.repeat(Math.ceil(RESULT_CHARS / SNIPPET.length));
  return { role: "user", content: [{ type: "tool_result", tool_use_id: id, content }] };
}

const NAME_WIDTH = 13;
const named = (agent: DemoAgent): string => agent.name.padEnd(NAME_WIDTH);

function didText(agent: DemoAgent, number: number): string {
  if (!agent.loops) return `works on ${agent.task}`;
  return number === 1 ? "searches the web" : "searches the same thing again";
}

function costText({ tokens, cost_usd }: Answered): string {
  const cost = cost_usd === null ? "at a cost not told" : formatUsdShort(parseUsd(cost_usd));
  return `${formatCount(BigInt(tokens))} tokens, ${cost}`;
}

/** Does an agent's task to its end, or until it is refused. */
export async function workAs(agent: DemoAgent, place: Workplace): Promise<Worked> {
  const turns: Turn[] = [];
  const seen: Seen[] = [];
  let spent = 0n;
  let next: Turn | null = { role: "user", content: agent.prompts[0] };
  for (let number = 1; next !== null && number <= CALLS_MAX && !place.signal.aborted; number++) {
    turns.push(next);
    const sim_key = `${agent.name}-${number}`;
    const answer = await callAs(agent, {
      url: place.url,
      key: place.keys.get(agent.name) ?? "",
      sim_key,
      turns,
      tool: agent.loops,
    });
    seen.push({ key: sim_key, call_id: answer.call_id, status: answer.status, left: false });
    if (answer.error !== null) {
      place.say(`${named(agent)} call ${number}: refused with ${answer.status}. What it reads:\n  ${answer.error.message}`);
      return { agent, calls: number, spent, refusal: answer.error, seen };
    }
    if (answer.cost_usd !== null) spent += parseUsd(answer.cost_usd);
    place.say(
      `${named(agent)} call ${number}: ${didText(agent, number)}, ${costText(answer)}; ${agent.task} stands at ${formatUsdShort(spent)}`,
    );
    if (answer.reply !== null) turns.push(answer.reply);
    const prompt = agent.prompts[number];
    const [tool] = answer.tool_calls;
    next = tool !== undefined ? searchResult(tool) : prompt === undefined ? null : { role: "user", content: prompt };
    await place.pause();
  }
  const end = place.signal.aborted ? "stopped by you" : "done";
  place.say(`${named(agent)} ${end}: ${agent.task} cost ${formatUsdShort(spent)} in ${seen.length} calls`);
  return { agent, calls: seen.length, spent, refusal: null, seen };
}
