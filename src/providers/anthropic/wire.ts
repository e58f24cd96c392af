/**
 * Anthropic Messages, the wire format. Pure functions over bytes. Money path: fails closed.
 * Source: https://platform.claude.com/docs/en/api/messages (read November 2026).
 */
import type { ParsedRequest } from "../../call/message.js";
import type { Dialect, Splice } from "../../call/needs.js";
import { fieldsIn, splice } from "../json-bytes.js";
import { openSseSplitter } from "../sse.js";
import { readAnthropicReply } from "./read-reply.js";
import { readAnthropicRequest } from "./read-request.js";
import { anthropicErrorEvent, refuseAnthropic } from "./refuse.js";
import { openAnthropicReader } from "./stream.js";
import { withToolUses } from "./tools.js";

function prepare(request: ParsedRequest, changes: Splice): Uint8Array {
  const set: Record<string, string> = {};
  if (changes.model !== undefined && changes.model !== request.model) set.model = JSON.stringify(changes.model);
  if (changes.output_cap !== undefined && changes.output_cap !== request.output_cap) set.max_tokens = String(changes.output_cap);
  const tools = changes.tool_uses === undefined ? undefined : fieldsIn(request).find((field) => field.key === "tools");
  if (tools !== undefined && changes.tool_uses !== undefined) set.tools = withToolUses(request.body, tools, changes.tool_uses);
  return Object.keys(set).length === 0 ? request.body : splice(request.body, set, fieldsIn(request));
}

/** The dialect of `/v1/messages`. */
export const anthropicMessagesDialect: Dialect = {
  name: "anthropic-messages",
  read: readAnthropicRequest,
  prepare,
  splitter: (eventBytesMax) => openSseSplitter({ eventBytesMax }),
  reader: openAnthropicReader,
  readReply: readAnthropicReply,
  refuse: refuseAnthropic,
  errorEvent: anthropicErrorEvent,
};
