/**
 * Anthropic Messages and its token count, read as the API would: https://platform.claude.com/docs/en/api/messages and
 * …/messages-count-tokens, November 2026. Throws Refusal on what it answers with 400.
 */
import { arrayOf, type Fields, fieldsOf, filled, modelOf, positive, streamOf, textOf, wordOf } from "./fields.js";
import { sizeOf } from "./prompt.js";
import { Refusal } from "./refusal.js";
import { countOf, plainRequest, type SimulatedRequest } from "./request.js";

function conversationOf(fields: Fields, path: { model?: string }): SimulatedRequest {
  const messages = filled(fields, "messages");
  return plainRequest({
    dialect: "anthropic-messages",
    model: modelOf(fields, path.model),
    body: fields,
    prompt: () => sizeOf([fields.tools, fields.system, messages]),
    conversation: JSON.stringify([fields.system, messages, fields.tools]),
  });
}

/** Searches that the tools allow together: `max_uses` each, no end without. */
function searchesMax(tools: readonly Fields[]): number {
  const searches = tools.filter((tool) => /^web_search_/.test(wordOf(tool.type)));
  return searches.reduce((sum, tool) => sum + (positive(tool, "max_uses") ?? Number.POSITIVE_INFINITY), 0);
}

/** Reads a message's request; `body` is looked through for cache marks. */
export function readMessages(fields: Fields, path: { model?: string }, body: Uint8Array): SimulatedRequest {
  const plain = conversationOf(fields, path);
  const cap = positive(fields, "max_tokens");
  if (cap === null) throw new Refusal(400, "max_tokens: Field required");
  const declared = arrayOf(fields.tools).map(fieldsOf);
  const tools = declared
    .filter((tool) => tool.type === undefined || tool.type === "custom")
    .map((tool) => ({ name: wordOf(tool.name), schema: tool.input_schema }));
  const choice = fieldsOf(fields.tool_choice);
  const named = choice.type === "tool" ? textOf(choice.name) : null;
  const blocks = arrayOf(fields.messages).flatMap((message) => arrayOf(fieldsOf(message).content));
  const format = fieldsOf(fieldsOf(fields.output_config).format ?? fields.output_format);
  const thinking = fieldsOf(fields.thinking).type;
  return {
    ...plain,
    stream: streamOf(fields),
    cap,
    marks_cache: Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes('"cache_control"'),
    tools,
    forced_tool: named ?? (choice.type === "any" ? (tools[0]?.name ?? null) : null),
    tool_results: countOf(blocks, (block) => fieldsOf(block).type === "tool_result"),
    document: format.type === "json_schema" ? { schema: format.schema } : null,
    searches_max: searchesMax(declared),
    thinks: thinking === "enabled" || thinking === "adaptive",
  };
}

/** Reads a question for a prompt's size. */
export function readCountTokens(fields: Fields, path: { model?: string }): SimulatedRequest {
  return { ...conversationOf(fields, path), dialect: "anthropic-count-tokens", work: "count" };
}
