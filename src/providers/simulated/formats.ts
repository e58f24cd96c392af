/** What differs between the wire formats that the simulator speaks, one line each. */
import type { DialectName } from "../../call/needs.js";
import { anthropicRendering } from "./anthropic-rendering.js";
import { completionsRendering } from "./completions-rendering.js";
import { geminiRendering } from "./gemini-rendering.js";
import { inputRendering } from "./input-rendering.js";
import { openAiRendering } from "./openai-rendering.js";
import type { Rendering, ReplyHead } from "./rendering.js";
import { responsesRendering } from "./responses-rendering.js";

/** How one wire format is written. */
export interface Format {
  readonly rendering: (head: ReplyHead) => Rendering;
  /** What the ids of its replies begin with. */
  readonly id: string;
  /** Tokens per piece of text at least: providers differ in how finely they stream. */
  readonly grain: number;
  readonly stream_type: string;
}

const EVENTS = "text/event-stream";
const EVENTS_UTF8 = "text/event-stream; charset=utf-8";

/** Every wire format. */
export const FORMATS: Readonly<Record<DialectName, Format>> = {
  "openai-chat": { rendering: openAiRendering, id: "chatcmpl-", grain: 1, stream_type: EVENTS },
  "openai-responses": { rendering: responsesRendering, id: "resp_", grain: 1, stream_type: EVENTS_UTF8 },
  "openai-completions": { rendering: completionsRendering, id: "cmpl-", grain: 1, stream_type: EVENTS },
  "openai-embeddings": { rendering: inputRendering, id: "embd-", grain: 1, stream_type: EVENTS },
  "anthropic-messages": { rendering: anthropicRendering, id: "msg_01", grain: 5, stream_type: EVENTS_UTF8 },
  "anthropic-count-tokens": { rendering: inputRendering, id: "count_", grain: 1, stream_type: EVENTS },
  "gemini-generate": { rendering: geminiRendering, id: "", grain: 12, stream_type: EVENTS },
  "gemini-count-tokens": { rendering: inputRendering, id: "", grain: 1, stream_type: EVENTS },
  "gemini-embed": { rendering: inputRendering, id: "", grain: 1, stream_type: EVENTS },
  "gemini-batch-embed": { rendering: inputRendering, id: "", grain: 1, stream_type: EVENTS },
  "model-call": { rendering: inputRendering, id: "", grain: 1, stream_type: EVENTS },
};
