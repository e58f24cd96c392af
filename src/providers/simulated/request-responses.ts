/**
 * OpenAI Responses, read as its API would: https://platform.openai.com/docs/api-reference/responses/create, November 2026.
 * Throws Refusal on what it answers with 400.
 */
import { arrayOf, type Fields, fieldsOf, modelOf, positive, streamOf, textOf, wordOf } from "./fields.js";
import { sizeOf } from "./prompt.js";
import { Refusal } from "./refusal.js";
import { countOf, plainRequest, type SimulatedRequest } from "./request.js";

const isSearch = (tool: unknown): boolean => /^web_search/.test(wordOf(fieldsOf(tool).type));

function documentOf(format: Fields): SimulatedRequest["document"] {
  if (format.type === "json_object") return { schema: undefined };
  return format.type === "json_schema" ? { schema: format.schema } : null;
}

/** Reads a request for a response. */
export function readResponses(fields: Fields, path: { model?: string }): SimulatedRequest {
  const model = modelOf(fields, path.model);
  const { input } = fields;
  if (typeof input !== "string" && !Array.isArray(input) && fields.prompt === undefined)
    throw new Refusal(400, "Missing required parameter: 'input'.", { param: "input", code: "missing_required_parameter" });
  const tools = arrayOf(fields.tools);
  const functions = tools
    .map(fieldsOf)
    .filter((tool) => tool.type === "function")
    .map((tool) => ({ name: wordOf(tool.name), schema: tool.parameters }));
  const choice = fields.tool_choice;
  const reasoning = fieldsOf(fields.reasoning);
  const summary = textOf(reasoning.summary) ?? textOf(reasoning.generate_summary);
  const plain = plainRequest({
    dialect: "openai-responses",
    model,
    body: fields,
    prompt: () => sizeOf([fields.instructions, tools, input]),
    conversation: JSON.stringify([fields.instructions, input, tools]),
  });
  return {
    ...plain,
    stream: streamOf(fields),
    cap: positive(fields, "max_output_tokens"),
    tools: functions,
    forced_tool: textOf(fieldsOf(choice).name) ?? (choice === "required" ? (functions[0]?.name ?? null) : null),
    tool_results: countOf(arrayOf(input), (item) => /_output$/.test(wordOf(fieldsOf(item).type))),
    document: documentOf(fieldsOf(fieldsOf(fields.text).format)),
    searches_max: tools.some(isSearch) ? (positive(fields, "max_tool_calls") ?? Number.POSITIVE_INFINITY) : 0,
    reasoning_off: reasoning.effort === "none" || reasoning.effort === "minimal",
    summarises: summary !== null,
    continues: textOf(fields.previous_response_id),
    stores: fields.store !== false,
  };
}
