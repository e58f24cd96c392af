/** What the simulator understands of a request, whatever the wire format. */
import type { DialectName } from "../../call/needs.js";
import type { Fields } from "./fields.js";
import type { Prompt } from "./prompt.js";

/** A tool the client declares, with the JSON schema of its arguments. */
export interface DeclaredTool {
  readonly name: string;
  readonly schema: unknown;
}

/** How many vectors are asked for, and in which form. */
export interface WantedVectors {
  readonly items: number;
  /** null: as many as the model makes. */
  readonly dimensions: number | null;
  readonly base64: boolean;
}

/** A request, read. */
export interface SimulatedRequest {
  readonly dialect: DialectName;
  readonly model: string;
  /** `embed`: billed for its input alone; `count`: not billed. */
  readonly work: "answer" | "embed" | "count";
  readonly stream: boolean;
  readonly framing: "sse" | "json";
  /** Cap on output tokens per choice; null when there is none. */
  readonly cap: number | null;
  /** Answers that are made, and billed. */
  readonly choices: number;
  /** Of each `best_of` answers that are made to a prompt, the first so many are shown; null: all. */
  readonly shown: { readonly best_of: number; readonly n: number } | null;
  readonly include_usage: boolean;
  readonly prompt: () => Prompt;
  /** Does the prompt ask for cache writes (and so has to be measured even when its size is given). */
  readonly marks_cache: boolean;
  /** What the answer depends on: the conversation, not its caps or flags. */
  readonly conversation: string;
  readonly tools: readonly DeclaredTool[];
  readonly forced_tool: string | null;
  /** Results of tools that the conversation holds already. */
  readonly tool_results: number;
  /** The answer is JSON of this schema; null: prose. */
  readonly document: { readonly schema: unknown } | null;
  /** Most web searches at the provider: 0 without such a tool, infinite without a bound. */
  readonly searches_max: number;
  /** Thinking is shown as it is made. */
  readonly thinks: boolean;
  /** Reasoning was asked to be off. */
  readonly reasoning_off: boolean;
  /** OpenAI Responses: a summary of the hidden reasoning is shown. */
  readonly summarises: boolean;
  readonly vectors: WantedVectors | null;
  /** The earlier response that this one goes on from. */
  readonly continues: string | null;
  /** Can a later response go on from this one? */
  readonly stores: boolean;
  readonly body: Fields;
}

/** A plain question for one answer; the dialects override what is theirs. */
export function plainRequest(
  given: Pick<SimulatedRequest, "dialect" | "model" | "body" | "prompt" | "conversation">,
): SimulatedRequest {
  return {
    work: "answer",
    stream: false,
    framing: "sse",
    cap: null,
    choices: 1,
    shown: null,
    include_usage: true,
    marks_cache: false,
    tools: [],
    forced_tool: null,
    tool_results: 0,
    document: null,
    searches_max: 0,
    thinks: false,
    reasoning_off: false,
    summarises: false,
    vectors: null,
    continues: null,
    stores: false,
    ...given,
  };
}

/** Counts the objects of a list that say `true` to a question. */
export function countOf(items: readonly unknown[], test: (item: unknown) => boolean): number {
  return items.reduce<number>((sum, item) => sum + (test(item) ? 1 : 0), 0);
}
