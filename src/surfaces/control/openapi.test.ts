import { expect, test } from "vitest";
import { DESK_TABLE } from "../../desk/table.js";
import { openapiOf } from "./openapi.js";

interface Operation {
  operationId: string;
  parameters: { name: string; in: string; required: boolean; schema: Record<string, unknown> }[];
  requestBody?: { content: Record<string, { schema: { required: string[]; properties: object } }> };
  responses: Record<string, { content: Record<string, { schema: object }> }>;
  security: object[];
}

const document = openapiOf(DESK_TABLE, "1.2.3") as { paths: Record<string, Record<string, Operation>> };

test("every command is an operation with its own id, its permission and a schema for what it answers", () => {
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  expect(operations).toHaveLength(DESK_TABLE.length);
  expect(new Set(operations.map((one) => one.operationId)).size).toBe(DESK_TABLE.length);
  for (const operation of operations) {
    expect(operation.security).toHaveLength(1);
    expect(Object.values(operation.responses["200"]?.content ?? {})[0]?.schema).toMatchObject({ type: expect.any(String) });
  }
});

test("path parameters are required, query parameters carry their bounds, and a POST describes its body without them", () => {
  const raise = document.paths["/api/v1/budgets/{name}/raise"]?.post;
  expect(raise?.parameters.find((one) => one.name === "name")).toMatchObject({ in: "path", required: true });
  const body = raise?.requestBody?.content["application/json"]?.schema;
  expect(body?.required).toEqual(["amount"]);
  expect(Object.keys(body?.properties ?? {})).toEqual(["amount", "until", "reason"]);
  const limit = document.paths["/api/v1/calls"]?.get?.parameters.find((one) => one.name === "limit");
  expect(limit).toMatchObject({
    in: "query",
    required: false,
    schema: { type: "integer", minimum: 1, maximum: 500, default: 20 },
  });
});

test("the document holds no reference that leads nowhere and survives JSON", () => {
  const text = JSON.stringify(document);
  expect(JSON.parse(text)).toEqual(document);
  expect(text).not.toContain("$ref");
});
