/** One call of a demo agent, as any client would make it: over HTTP, with its key. */
import { request } from "undici";
import type { DemoAgent } from "./demo-agents.js";

/** A turn of a conversation, in the dialect of the agent's model. */
export type Turn = Readonly<Record<string, unknown>>;

/** What came back. */
export interface Answered {
  readonly status: number;
  readonly call_id: string | null;
  /** Decimal dollars as Bursar tells them; null when nothing was spent. */
  readonly cost_usd: string | null;
  /** Input and output tokens as the provider counted them. */
  readonly tokens: number;
  readonly reply: Turn | null;
  /** Ids of the tools it called. */
  readonly tool_calls: readonly string[];
  /** The error that the agent reads, if any. */
  readonly error: { readonly message: string; readonly budget: string | null } | null;
}

/** How the call is made. */
export interface CallOptions {
  readonly url: string;
  readonly key: string;
  /** `x-sim-key`: the bill names the call by it. */
  readonly sim_key: string;
  readonly turns: readonly Turn[];
  readonly tool: boolean;
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);

const SEARCH = {
  name: "web_search",
  description: "Searches the web.",
  input_schema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
};

const isClaude = (agent: DemoAgent): boolean => agent.model.startsWith("claude");

function bodyOf(agent: DemoAgent, options: CallOptions): string {
  const { model, max_tokens, system } = agent;
  if (!isClaude(agent))
    return JSON.stringify({ model, max_tokens, messages: [{ role: "system", content: system }, ...options.turns] });
  return JSON.stringify({ model, max_tokens, system, messages: options.turns, ...(agent.loops ? { tools: [SEARCH] } : {}) });
}

function errorOf(answer: Fields): Answered["error"] {
  const error = fieldsOf(answer.error);
  const metadata = fieldsOf(error.metadata ?? answer.metadata);
  return { message: String(error.message ?? "no message"), budget: typeof metadata.budget === "string" ? metadata.budget : null };
}

function replyOf(agent: DemoAgent, answer: Fields): Pick<Answered, "reply" | "tool_calls" | "tokens"> {
  const usage = fieldsOf(answer.usage);
  if (!isClaude(agent)) {
    const [choice] = Array.isArray(answer.choices) ? (answer.choices as unknown[]) : [];
    const { content } = fieldsOf(fieldsOf(choice).message);
    return { reply: { role: "assistant", content }, tool_calls: [], tokens: numberOf(usage.total_tokens) };
  }
  const content = Array.isArray(answer.content) ? (answer.content as unknown[]) : [];
  const calls = content.map(fieldsOf).filter((block) => block.type === "tool_use");
  return {
    reply: { role: "assistant", content },
    tool_calls: calls.map((block) => String(block.id)),
    tokens: numberOf(usage.input_tokens) + numberOf(usage.output_tokens),
  };
}

/** Makes the call. Rejects when the gateway cannot be reached. */
export async function callAs(agent: DemoAgent, options: CallOptions): Promise<Answered> {
  const claude = isClaude(agent);
  const answer = await request(`${options.url}${claude ? "/v1/messages" : "/v1/chat/completions"}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(claude ? { "x-api-key": options.key, "anthropic-version": "2023-06-01" } : { authorization: `Bearer ${options.key}` }),
      "x-bursar-task": agent.task,
      "x-bursar-task-type": agent.task_type,
      "x-sim-key": options.sim_key,
      ...(options.tool ? { "x-sim-tool-call": SEARCH.name, "x-sim-output-tokens": "60" } : {}),
    },
    body: bodyOf(agent, options),
  });
  const json = fieldsOf(await answer.body.json());
  const header = (name: string): string | null => {
    const value = answer.headers[name];
    return typeof value === "string" ? value : null;
  };
  const head = { status: answer.statusCode, call_id: header("x-bursar-call-id"), cost_usd: header("x-bursar-cost-usd") };
  if (answer.statusCode !== 200) return { ...head, tokens: 0, reply: null, tool_calls: [], error: errorOf(json) };
  return { ...head, ...replyOf(agent, json), error: null };
}
