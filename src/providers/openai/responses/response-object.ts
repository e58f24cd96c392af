import type { Fields } from "../../request-fields.js";

/**
 * A response without output, with the fields that clients read without looking. `created_at` is 0: when it was created
 * nobody told. Shape: https://platform.openai.com/docs/api-reference/responses/object (read November 2026).
 */
export function emptyResponse(of: { readonly id: string; readonly model: string; readonly status: string }): Fields {
  return {
    id: of.id,
    object: "response",
    created_at: 0,
    status: of.status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    metadata: {},
    model: of.model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    temperature: null,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [],
    top_p: null,
    truncation: "disabled",
    usage: null,
  };
}
