/** What the parts of an AI SDK answer mean for the money. Money path: fails closed — every text is metered. */
import type { PartEvent } from "../model-call/model-call-events.js";
import type { ByProvider, V3Part, V3Usage } from "./v3-shapes.js";
import { toldUsage } from "./v3-usage.js";

type Fields = Readonly<Record<string, unknown>>;

/** Reads one stream's parts, in order. */
export interface PartReader {
  event(part: V3Part, index: number): PartEvent;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function errorWord(error: unknown): string {
  if (error instanceof Error) return error.message.slice(0, 120) || error.name;
  return text(error).slice(0, 120) || "error";
}

/** Is it a use of a search tool that the provider runs and bills? */
function isSearch(part: Fields): boolean {
  return part.type === "tool-call" && part.providerExecuted === true && /search/i.test(String(part.toolName));
}

/** Tool inputs followed per stream; one beyond it is metered twice rather than never. */
const INPUTS_MAX = 1_024;

/** Opens a reader. `tier`: the service tier that the call asked for. */
export function openPartReader(tier: string | null): PartReader {
  const streamed = new Set<string>();
  let searches = 0;

  function toolCall(part: Fields): string {
    // Its input has been metered as it came; the whole is only said again.
    return streamed.has(String(part.toolCallId)) ? "" : text(part.toolName) + text(part.input);
  }

  return {
    event(value, index) {
      const part = value as unknown as Fields;
      const id = String(part.id ?? "");
      if (isSearch(part)) searches += 1;
      switch (part.type) {
        case "text-start":
          return { part: index, open: `text:${id}` };
        case "reasoning-start":
          return { part: index, open: `reasoning:${id}` };
        case "tool-input-start":
          if (streamed.size < INPUTS_MAX) streamed.add(id);
          return { part: index, open: `tool-input:${id}`, text: text(part.toolName) };
        case "text-delta":
        case "reasoning-delta":
        case "tool-input-delta":
          return { part: index, text: text(part.delta) };
        case "text-end":
        case "reasoning-end":
        case "tool-input-end":
          return { part: index, close: `${String(part.type).slice(0, -"-end".length)}:${id}` };
        case "tool-call":
          return { part: index, text: toolCall(part) };
        case "response-metadata":
          return {
            part: index,
            ...(id === "" ? {} : { id }),
            ...(typeof part.modelId === "string" ? { model: part.modelId } : {}),
          };
        case "error":
          return { part: index, error: errorWord(part.error) };
        case "finish": {
          const { usage, providerMetadata, finishReason } = part as {
            usage?: V3Usage;
            providerMetadata?: ByProvider;
            finishReason?: unknown;
          };
          const told = toldUsage({ usage, metadata: providerMetadata, tier, searches });
          return { part: index, finish: text((finishReason as Fields | undefined)?.unified ?? "other"), usage: told };
        }
        default:
          return { part: index };
      }
    },
  };
}

/** Texts of a whole answer, and its uses of search tools. */
export function contentOf(content: readonly V3Part[]): { readonly texts: readonly string[]; readonly searches: number } {
  const texts: string[] = [];
  let searches = 0;
  for (const value of content) {
    const part = value as unknown as Fields;
    if (part.type === "text" || part.type === "reasoning") texts.push(text(part.text));
    else if (part.type === "tool-call") texts.push(text(part.toolName) + text(part.input));
    if (isSearch(part)) searches += 1;
  }
  return { texts, searches };
}
