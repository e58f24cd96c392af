/**
 * Tools of a Responses request: where they run, and whether their fee can be bounded. Money path: fails closed — a tool
 * that bills what no price row has, or that is not known here, is named like an unknown parameter.
 * Sources: https://platform.openai.com/docs/guides/tools and https://platform.openai.com/docs/pricing (built-in tools),
 * read November 2026.
 */
import type { ToolDeclaration } from "../../../call/message.js";
import { type Fields, isObject } from "../../request-fields.js";

/** The tools of a request, and the names under which those without a bound are refused. */
export interface DeclaredTools {
  readonly tools: readonly ToolDeclaration[];
  readonly unbounded: readonly string[];
}

/** `client`: the model only writes a call. `priced`: it runs at the provider, at a fee that is known. */
type Place = "client" | "priced" | "unbounded";

/** The client runs these. */
const CLIENT: ReadonlySet<unknown> = new Set([
  "function",
  "custom",
  "local_shell",
  "apply_patch",
  "computer",
  "computer_use_preview",
]);

/** Searches the web, at a fee for each search; its versions carry a date. */
const WEB_SEARCH = /^web_search(?:_preview)?(?:_\d{4}_\d{2}_\d{2})?$/;

/** A shell without an environment, or with a local one, is the client's; a container is the provider's and has a fee. */
function shellPlace(tool: Fields): Place {
  const environment = tool.environment ?? null;
  if (environment === null) return "client";
  return isObject(environment) && environment.type === "local" ? "client" : "unbounded";
}

/** A group of functions; nothing else may stand in it. */
function namespacePlace(tool: Fields): Place {
  const inner = Array.isArray(tool.tools) ? (tool.tools as readonly unknown[]) : [];
  return inner.every((one) => isObject(one) && (one.type === "function" || one.type === "custom")) ? "client" : "unbounded";
}

function placeOf(tool: Fields): Place {
  const { type } = tool;
  if (CLIENT.has(type)) return "client";
  if (type === "namespace") return namespacePlace(tool);
  if (type === "shell") return shellPlace(tool);
  // Finds deferred tools of this very request: no fee, rounds of their own all the same.
  if (type === "tool_search") return tool.execution === "client" ? "client" : "priced";
  return typeof type === "string" && WEB_SEARCH.test(type) ? "priced" : "unbounded";
}

function nameOf(tool: Fields, index: number): string {
  const name = [tool.name, tool.server_label, tool.type].find((value) => typeof value === "string");
  return typeof name === "string" ? name : `tools[${index}]`;
}

/**
 * Reads declarations. `bytesOf`: bytes of the tool at an index as sent. Not known to have a bound: code interpreter,
 * hosted shells, file search and image generation (fees without a price row), MCP (another server's text as input), and
 * every type that is newer than this.
 */
export function declaredTools(tools: readonly Fields[], bytesOf: (index: number) => number): DeclaredTools {
  const places = tools.map(placeOf);
  const declared = tools.map((tool, index) => ({
    name: nameOf(tool, index),
    bytes: bytesOf(index),
    server_side: places[index] !== "client",
    uses_max: null,
  }));
  const unbounded = tools.flatMap((tool, index) =>
    places[index] === "unbounded" ? [`tools.${typeof tool.type === "string" ? tool.type : index}`] : [],
  );
  return { tools: declared, unbounded: [...new Set(unbounded)] };
}
