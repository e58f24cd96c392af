// What is published of the schema: the JSON Schema that editors use, and the tables of the reference page.
import { z } from "zod";
import { configSchema } from "../../src/config/schema.js";

interface Node {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly required?: readonly string[];
}

function generated(keys: readonly string[]): Node {
  const override = ({ zodSchema, jsonSchema: node }: { zodSchema: z.core.$ZodType; jsonSchema: object }): void => {
    for (const [key, value] of Object.entries(z.globalRegistry.get(zodSchema) ?? {})) {
      if (keys.includes(key)) Object.assign(node, { [key]: value });
    }
  };
  return z.toJSONSchema(configSchema(), { io: "input", override }) as Node;
}

/** The schema of bursar.yaml as JSON Schema. Examples are left out: they are the file's text, not JSON values. */
export function jsonSchema(): Node {
  return generated(["default"]);
}

/** JSON as the formatter of this repository writes it: lists of plain values on one line where they fit. */
export function jsonText(value: unknown, indent = "", before = 0): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return isList ? "[]" : "{}";
  const plain = isList && value.every((one) => one === null || typeof one !== "object");
  const line = plain ? `[${value.map((one) => JSON.stringify(one)).join(", ")}]` : "";
  if (plain && before + line.length < 130) return line;
  const parts = entries.map(([key, child]) => {
    const name = isList ? "" : `${JSON.stringify(key)}: `;
    return `${inner}${name}${jsonText(child, inner, inner.length + name.length)}`;
  });
  return `${isList ? "[" : "{"}\n${parts.join(",\n")}\n${indent}${isList ? "]" : "}"}`;
}

function wayDown(node: Node): { readonly step: string; readonly node: Node } | null {
  const { items, additionalProperties: values } = node;
  if (items?.properties !== undefined) return { step: "[]", node: items };
  if (typeof values === "object" && values.properties !== undefined) return { step: ".*", node: values };
  return null;
}

const code = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``;

function typeText(node: Node): string {
  if (node.enum !== undefined) return node.enum.map((word) => code(String(word))).join(" ");
  if (node.anyOf !== undefined) {
    const named = node.anyOf.map(typeText).filter((text) => text !== code("null") && text !== "null");
    return [...new Set(named)].join(" or ");
  }
  if (node.items !== undefined) return "list";
  if (node.properties !== undefined || typeof node.additionalProperties === "object") return "mapping";
  const types = typeof node.type === "string" ? [node.type] : (node.type ?? []);
  if (types.includes("integer")) return "whole number";
  return types.includes("number") && !types.includes("string") ? "number" : types.includes("number") ? "number or text" : "text";
}

/** A node with what its parts say, where it only adds "or null". */
function whole(node: Node): Node {
  const inner = node.anyOf?.find((one) => one.description !== undefined);
  return inner === undefined ? node : { ...inner, ...node };
}

function row(name: string, node: Node, required: boolean): string {
  const said = whole(node);
  const { default: absent } = said;
  const leftOut = absent === undefined || typeof absent === "object" ? (required ? "required" : "–") : code(String(absent));
  const cells = [
    code(name),
    (said.description ?? "").replaceAll("|", "\\|"),
    typeText(node),
    leftOut,
    code(said.examples?.[0] ?? ""),
  ];
  return `| ${cells.join(" | ")} |`;
}

function rowsOf(node: Node, path: string): string[] {
  const down = wayDown(node);
  if (down !== null) return rowsOf(down.node, `${path}${down.step}`);
  const mapping = node.properties === undefined ? node.anyOf?.find((one) => one.properties !== undefined) : node;
  return Object.entries(mapping?.properties ?? {}).flatMap(([key, child]) => {
    const name = path === "" ? key : `${path}.${key}`;
    const required = mapping?.required?.includes(key) === true && whole(child).default === undefined;
    return [row(name, child, required), ...(path === "" ? [] : rowsOf(child, name))];
  });
}

const head = "| key | meaning | type | default | example |\n|---|---|---|---|---|";

/** The tables of docs/reference/config.md: one for the top, one for every section. */
export function referenceTables(): string {
  const root = generated(["default", "examples"]);
  const sections = Object.entries(root.properties ?? {}).flatMap(([key, node]) => {
    const rows = rowsOf(node, key);
    return rows.length === 0 ? [] : [`### ${key}\n\n${node.description ?? ""}\n\n${head}\n${rows.join("\n")}`];
  });
  return [`### The top level\n\n${head}\n${rowsOf(root, "").join("\n")}`, ...sections].join("\n\n");
}
