/**
 * Ends a Responses stream as if the answer had reached its length: open parts and items are closed, also in the middle of
 * a call's arguments or of reasoning, then `response.incomplete` with the output so far and its usage. Money path: fails
 * closed. Source: https://platform.openai.com/docs/api-reference/responses-streaming (read November 2026).
 */
import { inputTokens, outputTokens, type Usage } from "../../../accounting/meter/usage.js";
import type { ParsedRequest } from "../../../call/message.js";
import type { CallFigures } from "../../../call/needs.js";
import { figuresJson } from "../../figures-text.js";
import type { OutputMeter } from "../../meter-output.js";
import { promptEstimate } from "../../prompt-estimate.js";
import type { Fields } from "../../request-fields.js";
import { eventBytes } from "../../sse.js";
import type { StreamUsage } from "../../stream-usage.js";
import { itemOf, type KeptItem, ownField, type Piece, partOf } from "./kept-item.js";
import type { KeptItems } from "./kept-items.js";
import { emptyResponse } from "./response-object.js";

/** What a cut needs to know of the stream. */
export interface Standing {
  readonly request: ParsedRequest;
  readonly meter: OutputMeter;
  readonly usage: StreamUsage;
  readonly kept: KeptItems;
  readonly response: string | null;
  readonly started: boolean;
  readonly sequence: number;
  readonly id: string | null;
  readonly model: string | null;
  readonly created_at: number | null;
}

/** Details are always there for clients, which read them without looking; the figures say where the numbers are from. */
function usageForClient(standing: Standing, usage: Usage | null): Fields {
  const input = usage === null ? promptEstimate(standing.request) : inputTokens(usage.counts);
  const output = usage === null ? standing.meter.tokens : outputTokens(usage.counts);
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage?.counts.cache_read ?? 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: usage?.counts.reasoning ?? 0 },
    total_tokens: input + output,
  };
}

/** The response as it was announced, or as one would be. */
function responseOf(standing: Standing, callId: string): Fields {
  const { request, response, created_at } = standing;
  if (response !== null) return JSON.parse(response) as Fields;
  return {
    ...emptyResponse({ id: standing.id ?? `resp_${callId}`, model: standing.model ?? request.model, status: "in_progress" }),
    ...(created_at === null ? {} : { created_at }),
    max_output_tokens: request.output_cap,
  };
}

type Write = (type: string, fields: Fields) => void;

function closePiece(write: Write, at: Fields, piece: Piece): void {
  const { kind, index, text } = piece;
  const part = partOf(piece);
  if (kind === "summary_text") {
    write("response.reasoning_summary_text.done", { ...at, summary_index: index, text });
    write("response.reasoning_summary_part.done", { ...at, summary_index: index, part, status: "incomplete" });
    return;
  }
  const place = { ...at, content_index: index };
  if (kind === "refusal") write("response.refusal.done", { ...place, refusal: text });
  else if (kind === "output_text") write("response.output_text.done", { ...place, text, logprobs: [] });
  else write("response.reasoning_text.done", { ...place, text });
  write("response.content_part.done", { ...place, part });
}

const OWN_DONE: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  ["function_call", "response.function_call_arguments.done"],
  ["mcp_call", "response.mcp_call_arguments.done"],
  ["custom_tool_call", "response.custom_tool_call_input.done"],
  ["code_interpreter_call", "response.code_interpreter_call_code.done"],
]);

function closeItem(write: Write, kept: KeptItem): void {
  const { added, index } = kept;
  const at = { item_id: typeof added.id === "string" ? added.id : "", output_index: index };
  for (const piece of kept.pieces.values()) if (piece.open) closePiece(write, at, piece);
  const own = ownField(added.type);
  const done = OWN_DONE.get(added.type);
  const named = added.type === "function_call" && typeof added.name === "string" ? { name: added.name } : {};
  if (own !== null && done !== undefined) write(done, { ...at, ...named, [own]: kept.own });
  write("response.output_item.done", { output_index: index, item: itemOf(kept) });
}

/** The events that end the stream: those before the comment with the figures, and the terminal one behind it. */
export function cutEvents(
  standing: Standing,
  figures: CallFigures,
): { readonly before: readonly Uint8Array[]; readonly terminal: Uint8Array } {
  const before: Uint8Array[] = [];
  let { sequence } = standing;
  const eventOf = (type: string, fields: Fields): Uint8Array => {
    sequence += 1;
    return eventBytes({ event: type, data: JSON.stringify({ type, sequence_number: sequence, ...fields }) });
  };
  const write: Write = (type, fields) => {
    before.push(eventOf(type, fields));
  };
  const response = responseOf(standing, figures.call_id);
  if (!standing.started) write("response.created", { response });
  const items = [...standing.kept.items.values()].sort((a, b) => a.index - b.index);
  for (const item of items) if (item.done === null) closeItem(write, item);
  const known = standing.usage.usage(standing.meter.tokens, null);
  const ended = {
    ...response,
    status: "incomplete",
    error: null,
    incomplete_details: { reason: "max_output_tokens" },
    output: items.map(itemOf),
    usage: usageForClient(standing, known),
  };
  const bursar = JSON.parse(figuresJson(figures, { usage: known?.evidence ?? "metered" })) as Fields;
  return { before, terminal: eventOf("response.incomplete", { response: ended, bursar }) };
}
