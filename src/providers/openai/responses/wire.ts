/**
 * OpenAI Responses, the wire format. Pure functions over bytes. Money path: fails closed.
 * Source: https://platform.openai.com/docs/api-reference/responses (read November 2026).
 */
import type { ParsedRequest } from "../../../call/message.js";
import type { Dialect, Splice } from "../../../call/needs.js";
import { splice } from "../../json-bytes.js";
import { openSseSplitter } from "../../sse.js";
import { refuseOpenAi } from "../refuse.js";
import { responsesErrorEvent } from "./error-event.js";
import { readResponsesReply } from "./read-reply.js";
import { readResponsesRequest } from "./read-request.js";
import { openResponsesReader } from "./stream.js";

/** A model that only the client's path named goes into the body: the path that is sent may not have it. */
function prepare(request: ParsedRequest, changes: Splice): Uint8Array {
  const set: Record<string, string> = {};
  const model = changes.model ?? request.model;
  if (model !== request.model || request.target.model !== undefined) set.model = JSON.stringify(model);
  if (changes.output_cap !== undefined && changes.output_cap !== request.output_cap)
    set.max_output_tokens = String(changes.output_cap);
  if (changes.tool_uses !== undefined && changes.tool_uses !== request.tool_uses_max)
    set.max_tool_calls = String(changes.tool_uses);
  return Object.keys(set).length === 0 ? request.body : splice(request.body, set);
}

/** The dialect of `/v1/responses`. */
export const openAiResponses: Dialect = {
  name: "openai-responses",
  read: readResponsesRequest,
  prepare,
  splitter: (eventBytesMax) => openSseSplitter({ eventBytesMax }),
  reader: openResponsesReader,
  readReply: readResponsesReply,
  refuse: refuseOpenAi,
  errorEvent: responsesErrorEvent,
};
