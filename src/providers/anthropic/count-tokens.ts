/**
 * `/v1/messages/count_tokens`: how long a prompt is, without running a model. It is free and has a rate limit of its own, so
 * nothing is held and nothing posted for it. Money path: fails closed — it is admitted, attributed and recorded like a call.
 * Source: https://platform.claude.com/docs/en/build-with-claude/token-counting (read November 2026).
 */
import type { ParsedRequest } from "../../call/message.js";
import type { Dialect, ReplyRead, Splice } from "../../call/needs.js";
import { splice } from "../json-bytes.js";
import { NO_REPLY, parseReply } from "../whole-reply.js";
import { readAnthropicCountRequest } from "./read-request.js";
import { anthropicMessagesDialect } from "./wire.js";

/** A reply is one that gives a count; what was counted is nobody's usage. */
function readCount(body: Uint8Array): ReplyRead {
  const count = parseReply(body)?.input_tokens;
  if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0) return NO_REPLY;
  const usage = { counts: { input_fresh: 0, output_text: 0 }, evidence: "provider" } as const;
  return { valid: true, usage, metered_output: 0, response_id: null, model: null, flags: [] };
}

function prepare(request: ParsedRequest, changes: Splice): Uint8Array {
  const { model } = changes;
  return model === undefined || model === request.model ? request.body : splice(request.body, { model: JSON.stringify(model) });
}

/** The dialect of `/v1/messages/count_tokens`. Its replies never stream. */
export const anthropicCountTokensDialect: Dialect = {
  ...anthropicMessagesDialect,
  name: "anthropic-count-tokens",
  read: readAnthropicCountRequest,
  prepare,
  readReply: readCount,
};
