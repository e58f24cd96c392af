import type { HonoRequest } from "hono";
import { BursarError } from "../../accounting/errors.js";
import type { AnyCommand } from "../../desk/command.js";
import { type InputKey, inputKeys } from "../../desk/read-input.js";
import { pathKeys } from "../../desk/table.js";

/** What a request asks for: the command's raw input, and whether only to say what would happen. */
export interface Asking {
  readonly input: Record<string, unknown>;
  readonly preview: boolean;
}

function refuse(message: string): never {
  throw new BursarError("invalid_request", message);
}

function queryValue(key: InputKey, values: readonly string[]): unknown {
  if (key.kind === "list") return values;
  if (values.length > 1) refuse(`${key.name} is given ${values.length} times; it takes one value.`);
  const [value] = values;
  if (key.kind !== "flag") return value;
  if (value === "true" || value === "") return true;
  return value === "false" ? false : refuse(`${key.name} is ${JSON.stringify(value)}; it takes true or false.`);
}

/** Query parameters by the keys they belong to; an unknown one stays, so that the schema refuses it by name. */
function fromQuery(command: AnyCommand, queries: Record<string, string[]>): Record<string, unknown> {
  const keys = new Map(inputKeys(command.input).map((key) => [key.name, key]));
  const inPath = pathKeys(command.path);
  const input: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, values] of Object.entries(queries)) {
    if (inPath.includes(name)) refuse(`${name} belongs into the path, not into the query.`);
    const key = keys.get(name);
    input[name] = key === undefined ? values[0] : queryValue(key, values);
  }
  return input;
}

async function fromBody(command: AnyCommand, request: HonoRequest): Promise<Record<string, unknown>> {
  // A form or text/plain could be sent by any page without asking; JSON cannot.
  const type = request.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") refuse("The body must be JSON with content-type: application/json.");
  let body: unknown;
  try {
    body = JSON.parse(await request.text());
  } catch (error) {
    if (error instanceof SyntaxError) refuse("The body is not JSON.");
    throw error;
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) refuse("The body must be a JSON object.");
  const twice = pathKeys(command.path).find((name) => Object.hasOwn(body as object, name));
  if (twice !== undefined) refuse(`${twice} belongs into the path, not into the body.`);
  return { ...(body as Record<string, unknown>) };
}

/** Reads a request into a command's raw input: path parameters, and the query of a GET or the JSON body of a POST. */
export async function readRequest(command: AnyCommand, request: HonoRequest): Promise<Asking> {
  const queries = request.queries() as Record<string, string[]>;
  const inPath = { ...request.param() } as Record<string, string>;
  if (command.method === "GET") return { input: { ...fromQuery(command, queries), ...inPath }, preview: false };
  const { preview, ...unknown } = queries;
  const stray = Object.keys(unknown)[0];
  if (stray !== undefined) refuse(`${stray} belongs into the JSON body, not into the query.`);
  const wants = preview !== undefined && preview[0] !== "false";
  return { input: { ...(await fromBody(command, request)), ...inPath }, preview: wants };
}
