import { z } from "zod";
import { ERROR_TABLE } from "../../accounting/errors.js";
import type { AnyCommand } from "../../desk/command.js";
import { pathKeys } from "../../desk/table.js";

type Json = Record<string, unknown>;

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json;
  return json;
}

const ERROR_SCHEMA: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "details"],
      properties: {
        code: { type: "string", enum: Object.keys(ERROR_TABLE) },
        message: { type: "string" },
        details: { type: "object", additionalProperties: { type: ["string", "number", "boolean", "null"] } },
      },
    },
  },
};

/** Path and query parameters of a command, each with its own schema. */
function parametersOf(command: AnyCommand, input: Json): Json[] {
  const inPath = pathKeys(command.path);
  const required = new Set((input.required as string[] | undefined) ?? []);
  return Object.entries((input.properties as Json | undefined) ?? {})
    .filter(([name]) => inPath.includes(name) || command.method === "GET")
    .map(([name, schema]) => ({
      name,
      in: inPath.includes(name) ? "path" : "query",
      required: inPath.includes(name) || required.has(name),
      description: (schema as Json).description,
      schema,
    }));
}

function bodyOf(command: AnyCommand, input: Json): Json {
  if (command.method === "GET") return {};
  const inPath = pathKeys(command.path);
  const properties = Object.fromEntries(
    Object.entries((input.properties as Json | undefined) ?? {}).filter(([name]) => !inPath.includes(name)),
  );
  const required = ((input.required as string[] | undefined) ?? []).filter((name) => !inPath.includes(name));
  const schema = { type: "object", properties, required, additionalProperties: false };
  return { requestBody: { required: true, content: { "application/json": { schema } } } };
}

function operationOf(command: AnyCommand): Json {
  const input = schemaOf(command.input, "input");
  const content =
    command.kind === "feed"
      ? { "text/event-stream": { schema: { type: "string" } } }
      : { "application/json": { schema: schemaOf(command.output, "output") } };
  const preview = {
    name: "preview",
    in: "query",
    required: false,
    description: "say what would happen, change nothing",
    schema: { const: "true" },
  };
  return {
    operationId: command.name.replace(/ (\w)/g, (_, letter: string) => letter.toUpperCase()),
    summary: command.summary,
    "x-permission": command.permission,
    security: [{ [command.permission === "self" ? "key" : "admin"]: [] }],
    parameters: [...parametersOf(command, input), ...(command.changes ? [preview] : [])],
    ...bodyOf(command, input),
    responses: {
      "200": { description: command.summary, content },
      default: { description: "An error of docs/reference/errors.md", content: { "application/json": { schema: ERROR_SCHEMA } } },
    },
  };
}

/** The OpenAPI 3.1 document of the desk's table. */
export function openapiOf(table: readonly AnyCommand[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const command of table) {
    const path = `/api/v1${command.path.replace(/:(\w+)/g, "{$1}")}`;
    paths[path] = { ...paths[path], [command.method.toLowerCase()]: operationOf(command) };
  }
  const bearer = (description: string): Json => ({ type: "http", scheme: "bearer", description });
  return {
    openapi: "3.1.0",
    info: {
      title: "Bursar",
      version,
      description: "The control plane. Money is decimal text in US dollars, instants are ISO 8601 in UTC.",
    },
    paths,
    components: {
      securitySchemes: {
        admin: bearer("The admin token; without one configured, requests of the same machine need none."),
        key: bearer("A data-plane key."),
      },
    },
  };
}
