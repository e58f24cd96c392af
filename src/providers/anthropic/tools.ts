/**
 * Tools of a Messages request. Money path: fails closed — a tool that is not known to run at the client runs at the
 * provider. Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview (read November 2026).
 */
import type { ToolDeclaration } from "../../call/message.js";
import { elementsOf, type Field, splice } from "../json-bytes.js";
import { type Fields, integerField } from "../request-fields.js";
import { type CacheMarks, markCache } from "./content.js";

/** Tools that run at the provider. Those with other types run at the client, as do tools with a schema of its own. */
const SERVER_TOOL = /^(?:web_search|web_fetch|code_execution|mcp_toolset|advisor)(?:_|$)/;
const CLIENT_TOOL =
  /^(?:custom|(?:bash|text_editor|computer|memory|computer_toolset|browser_toolset|tool_search_tool)(?:_\w+)?)$/;

/**
 * The ones whose bill `max_uses` bounds. The API takes that field for an advisor too, but an advisor is another model with
 * a bill of its own; code execution and MCP servers take none.
 */
const BOUNDED_BY_USES = /^web_(?:search|fetch)(?:_|$)/;

function runsAtProvider(type: unknown): boolean {
  if (type === undefined || type === null) return false;
  return typeof type !== "string" || SERVER_TOOL.test(type) || !CLIENT_TOOL.test(type);
}

function boundedByUses(type: unknown): boolean {
  return typeof type === "string" && BOUNDED_BY_USES.test(type);
}

/** The declared tools, with their sizes as sent. `field` is where `tools` stands in the body. */
export function toolDeclarations(options: {
  readonly body: Uint8Array;
  readonly field: Field | undefined;
  readonly tools: readonly Fields[];
  readonly marks: CacheMarks;
}): ToolDeclaration[] {
  const ranges = options.field === undefined ? [] : elementsOf(options.body, options.field);
  return options.tools.map((tool, index) => {
    const range = ranges[index];
    markCache(options.marks, tool.cache_control);
    return {
      name: typeof tool.name === "string" ? tool.name : typeof tool.type === "string" ? tool.type : `tools[${index}]`,
      bytes: range === undefined ? 0 : range.end - range.start,
      server_side: runsAtProvider(tool.type),
      uses_max: integerField(tool, "max_uses", { min: 0 }),
    };
  });
}

/** Tools at the provider whose bill no number of uses bounds, as fields that are not money-neutral: `tools.code_execution_20250825`. */
export function unboundedTools(tools: readonly Fields[]): string[] {
  const types = tools.map((tool) => tool.type).filter((type) => runsAtProvider(type) && !boundedByUses(type));
  return [...new Set(types.map((type) => `tools.${typeof type === "string" ? type.slice(0, 64) : "untyped"}`))];
}

/** The bytes of `tools` with `max_uses` in each tool that takes one and has none; every other byte stays. */
export function withToolUses(body: Uint8Array, field: Field, uses: number): string {
  const parts: Uint8Array[] = [];
  let from = field.valueStart;
  for (const { start, end } of elementsOf(body, field)) {
    const element = body.subarray(start, end);
    const tool = JSON.parse(Buffer.from(element).toString("utf8")) as Fields;
    if (!boundedByUses(tool.type) || (tool.max_uses ?? null) !== null) continue;
    parts.push(body.subarray(from, start), splice(element, { max_uses: String(uses) }));
    from = end;
  }
  parts.push(body.subarray(from, field.valueEnd));
  return Buffer.concat(parts).toString("utf8");
}
