/** A prompt's size for a client whose stream is cut before the provider told it. Never a basis of money. */
import { estimateTokens } from "../accounting/meter/estimate.js";
import type { ParsedRequest, Part } from "../call/message.js";

/** Bytes of a tool's JSON declaration per token, as measured on JSON by the estimate's own corpus. */
const JSON_BYTES_PER_TOKEN = 4;

function textOf(part: Part): string {
  if (part.kind === "text" || part.kind === "thinking" || part.kind === "tool_result") return part.text;
  return part.kind === "tool_call" ? part.name + part.arguments : "";
}

/** Estimated prompt tokens: texts and tool declarations; media are not counted. */
export function promptEstimate(request: ParsedRequest): number {
  const parts = [...request.system, ...request.messages.flatMap((message) => message.parts)];
  const texts = parts.reduce((sum, part) => sum + (part.kind === "tokens" ? part.count : estimateTokens(textOf(part))), 0);
  const tools = request.tools.reduce((sum, tool) => sum + Math.ceil(tool.bytes / JSON_BYTES_PER_TOKEN), 0);
  return texts + tools;
}
