/**
 * The one neutral message model. It is for reading (estimates, savings, loops); what is not edited is never rendered
 * from it: the client's own bytes go upstream.
 */
import type { TextMeasure } from "../accounting/meter/estimate.js";

/** Who speaks. */
export type Role = "system" | "user" | "assistant" | "tool";

/** A text that its reader measured where it stands in the body, instead of making a text of it: that is made when it is asked for. */
export interface InPlace {
  /** Of the whole text that the part is (a call's name and arguments together). */
  readonly measured: TextMeasure;
}

/** One piece of a message. `placed` only tells what its text tells too, sooner. */
export type Part =
  | { readonly kind: "text"; readonly text: string; readonly placed?: InPlace }
  /** Text as token ids: `count` of them, `bytes` of UTF-8 as compact JSON. */
  | { readonly kind: "tokens"; readonly count: number; readonly bytes: number }
  /** Inline media, by size; `tokens_max` when the provider's rule gives a bound. */
  | { readonly kind: "image"; readonly bytes: number | null; readonly by_reference: boolean; readonly detail?: string }
  | { readonly kind: "audio"; readonly bytes: number | null; readonly by_reference: boolean }
  | { readonly kind: "file"; readonly bytes: number | null; readonly by_reference: boolean }
  | {
      readonly kind: "tool_call";
      readonly id: string;
      readonly name: string;
      readonly arguments: string;
      readonly placed?: InPlace;
    }
  | { readonly kind: "tool_result"; readonly id: string; readonly text: string; readonly placed?: InPlace }
  /** Reasoning or thinking; opaque when encrypted or redacted. */
  | { readonly kind: "thinking"; readonly text: string; readonly opaque: boolean; readonly placed?: InPlace }
  /** Content that the provider keeps under a name (an earlier response, a stored prompt, a cache): up to the whole context window. */
  | { readonly kind: "reference"; readonly to: string }
  /** A part this version does not know: refused on hard budgets before upstream. */
  | { readonly kind: "unknown"; readonly type: string; readonly bytes: number };

/** One turn of a conversation. */
export interface Message {
  readonly role: Role;
  readonly parts: readonly Part[];
}

/** A tool the client declares. `server_side` tools run (and bill) at the provider. */
export interface ToolDeclaration {
  readonly name: string;
  /** UTF-8 bytes of the declaration as sent. */
  readonly bytes: number;
  readonly server_side: boolean;
  readonly uses_max: number | null;
}

/** What the URL of a request says beside its body (Gemini and Azure name the model there). */
export interface RequestTarget {
  readonly model?: string;
  readonly stream?: boolean;
  /** `json`: the stream is one JSON array, sent element by element (Gemini without `alt=sse`). */
  readonly framing?: "sse" | "json";
}

/** What a provider bills of a request: all of it, only its input (embeddings), or nothing (token counts). */
export type Billed = "all" | "input" | "nothing";

/** One top-level field of a body. Offsets are in bytes of the body; `end` is exclusive; the key's range includes its quotes. */
export interface BodyField {
  readonly key: string;
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** A request, parsed just enough. `body` is byte for byte what the client sent. */
export interface ParsedRequest {
  readonly body: Uint8Array;
  /** Where the top-level fields of those very bytes stand, as their reader found them; absent: who edits them looks again. */
  readonly fields?: { readonly of: Uint8Array; readonly list: readonly BodyField[] };
  readonly target: RequestTarget;
  readonly billed: Billed;
  /** Replies to it carry no usage: what is held is what is posted. */
  readonly usage_untold?: boolean;
  /** As the client wrote it. */
  readonly model: string;
  readonly stream: boolean;
  /** The client's own cap on output tokens; null when it set none. */
  readonly output_cap: number | null;
  /** The most uses of server-side tools together that the request allows (`max_tool_calls`); null when it says none. */
  readonly tool_uses_max: number | null;
  /** How many answers are asked for (`n`, `best_of`, prompts of one request), at least 1. */
  readonly choices: number;
  /** Did the client itself ask for usage in the stream. */
  readonly wants_usage: boolean;
  readonly thinking: boolean;
  /** Whether the request can make the provider write its prompt cache, and at which rate; absent means none. */
  readonly cache_writes?: "none" | "5m" | "1h";
  readonly system: readonly Part[];
  readonly messages: readonly Message[];
  readonly tools: readonly ToolDeclaration[];
  /** Names of top-level fields that are not on the route's allow-list of money-neutral fields. */
  readonly unknown_fields: readonly string[];
  /** Attribution that the dialect carries in its body. */
  readonly body_user: string | null;
  /** The session that the body names; absent where the dialect has no such field. */
  readonly body_session?: string | null;
  readonly body_tags: Readonly<Record<string, string>>;
  readonly service_tier: string | null;
}
