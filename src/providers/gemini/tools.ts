/**
 * Tools of a Gemini request. Money path: fails closed — a tool that runs at Google has no field that bounds it, so all but
 * a search that is billed once a prompt are unbounded. Sources: https://ai.google.dev/gemini-api/docs/pricing (grounding:
 * $35 per 1,000 grounded prompts for Gemini 2, per search query from Gemini 3 on), .../google-search and
 * .../code-execution (generated code is billed as output, its results as input), read November 2026.
 */
import type { ToolDeclaration } from "../../call/message.js";
import { type Field, type Range, topLevel } from "../json-bytes.js";
import type { Fields } from "../request-fields.js";
import { camelName, messagesField, rangesOf } from "./proto-json.js";

/** Searches of these models are billed once a prompt, however many queries they make. */
const BILLED_PER_PROMPT = /^gemini-[12](?:[.-]|$)/;

const SEARCH: ReadonlySet<string> = new Set(["googleSearch", "googleSearchRetrieval"]);

/** Is grounding of this model billed once a prompt? An alias that does not say its generation is taken not to be. */
export function groundsPerPrompt(model: string): boolean {
  return BILLED_PER_PROMPT.test(model);
}

function functionTools(tool: Fields, bytes: Uint8Array, field: Field | undefined): ToolDeclaration[] {
  const ranges = rangesOf(bytes, field);
  return messagesField(tool, "functionDeclarations").map((declared, index) => {
    const range = ranges[index];
    return {
      name: typeof declared.name === "string" ? declared.name : `functionDeclarations[${index}]`,
      bytes: range === undefined ? 0 : range.end - range.start,
      server_side: false,
      uses_max: null,
    };
  });
}

function toolDeclarations(tool: Fields, bytes: Uint8Array, model: string): ToolDeclaration[] {
  return topLevel(bytes).flatMap((field): ToolDeclaration[] => {
    const name = camelName(field.key);
    if ((tool[name] ?? null) === null) return [];
    if (name === "functionDeclarations") return functionTools(tool, bytes, field);
    const uses_max = SEARCH.has(name) && groundsPerPrompt(model) ? 1 : null;
    return [{ name, bytes: field.valueEnd - field.valueStart, server_side: true, uses_max }];
  });
}

/** The tools of a request, each with the bytes of its declaration as sent. */
export function geminiTools(options: {
  readonly body: Uint8Array;
  readonly fields: Fields;
  readonly ranges: readonly Field[];
  readonly model: string;
}): readonly ToolDeclaration[] {
  const { body, fields, ranges, model } = options;
  const field = ranges.find((range) => camelName(range.key) === "tools");
  const places = rangesOf(body, field);
  return messagesField(fields, "tools").flatMap((tool, index) => {
    const { start, end } = places[index] as Range;
    return toolDeclarations(tool, body.subarray(start, end), model);
  });
}

/**
 * Tools that no bound can be sent for, as names of fields that are not money-neutral: the key's own `tool_uses_max` would
 * promise what this wire cannot say.
 */
export function unboundedTools(tools: readonly ToolDeclaration[]): readonly string[] {
  const names = tools.filter((tool) => tool.server_side && tool.uses_max === null).map((tool) => `tools.${tool.name}`);
  return [...new Set(names)];
}
