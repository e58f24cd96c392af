/**
 * Gemini's generateContent, countTokens and embeddings, read as the API would: https://ai.google.dev/api/generate-content,
 * …/api/tokens and …/api/embeddings, November 2026. Field names come in camel and in snake case. Throws Refusal on what
 * the API answers with 400.
 */
import { arrayOf, type Fields, fieldsOf, filled, positive, textOf, wordOf } from "./fields.js";
import { sizeOf } from "./prompt.js";
import { Refusal } from "./refusal.js";
import { countOf, plainRequest, type SimulatedRequest } from "./request.js";

/** What the path says. */
export interface GeminiPath {
  readonly model?: string;
  readonly stream?: boolean;
  readonly framing?: "sse" | "json";
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const field = (fields: Fields, name: string): unknown => fields[name] ?? fields[snake(name)];
const object = (fields: Fields, name: string): Fields => fieldsOf(field(fields, name));

function modelOf(path: GeminiPath): string {
  const model = textOf(path.model)?.replace(/^models\//, "");
  if (model === undefined) throw new Refusal(400, "The path names no model.");
  return model;
}

/** A count among the generation settings, in either spelling. */
function setting(config: Fields, name: string): number | null {
  return positive({ [name]: field(config, name) }, name);
}

function documentOf(config: Fields): SimulatedRequest["document"] {
  if (field(config, "responseMimeType") !== "application/json") return null;
  return { schema: field(config, "responseJsonSchema") ?? field(config, "responseSchema") };
}

interface Declared {
  readonly tools: SimulatedRequest["tools"];
  readonly forced: string | null;
  readonly searches: boolean;
}

function declaredIn(fields: Fields): Declared {
  const groups = arrayOf(fields.tools).map(fieldsOf);
  const tools = groups
    .flatMap((group) => arrayOf(field(group, "functionDeclarations")))
    .map(fieldsOf)
    .map((tool) => ({ name: wordOf(tool.name), schema: field(tool, "parametersJsonSchema") ?? tool.parameters }));
  const calling = object(object(fields, "toolConfig"), "functionCallingConfig");
  const allowed = arrayOf(field(calling, "allowedFunctionNames"));
  const forced = calling.mode === "ANY" ? (textOf(allowed[0]) ?? tools[0]?.name ?? null) : null;
  const searches = groups.some((group) => (field(group, "googleSearch") ?? field(group, "googleSearchRetrieval")) !== undefined);
  return { tools, forced, searches };
}

/** Candidates of one request at most: https://ai.google.dev/api/generate-content#generationconfig, November 2026. */
const CANDIDATES_MAX = 8;

/** Reads a request for content. */
export function readGenerate(fields: Fields, path: GeminiPath): SimulatedRequest {
  const model = modelOf(path);
  const contents = filled(fields, "contents");
  const config = object(fields, "generationConfig");
  const thinking = object(config, "thinkingConfig");
  const choices = setting(config, "candidateCount") ?? 1;
  if (choices > CANDIDATES_MAX) throw new Refusal(400, `candidateCount: at most ${CANDIDATES_MAX}`);
  const declared = declaredIn(fields);
  const system = field(fields, "systemInstruction");
  const parts = contents.flatMap((content) => arrayOf(fieldsOf(content).parts));
  const plain = plainRequest({
    dialect: "gemini-generate",
    model,
    body: fields,
    prompt: () => sizeOf([system, fields.tools, contents]),
    conversation: JSON.stringify([system, contents, fields.tools]),
  });
  const off = field(thinking, "thinkingBudget") === 0;
  return {
    ...plain,
    stream: path.stream === true,
    framing: path.framing ?? "sse",
    cap: setting(config, "maxOutputTokens"),
    choices,
    tools: declared.tools,
    forced_tool: declared.forced,
    tool_results: countOf(parts, (part) => field(fieldsOf(part), "functionResponse") !== undefined),
    document: documentOf(config),
    searches_max: declared.searches ? Number.POSITIVE_INFINITY : 0,
    thinks: field(thinking, "includeThoughts") === true && !off,
    reasoning_off: off,
  };
}

/** Reads a question for a prompt's size. */
export function readGeminiCount(fields: Fields, path: GeminiPath): SimulatedRequest {
  const inner = object(fields, "generateContentRequest");
  const asked = Object.keys(inner).length > 0 ? inner : fields;
  return { ...readGenerate(asked, path), dialect: "gemini-count-tokens", work: "count", stream: false };
}

function embedding(
  dialect: "gemini-embed" | "gemini-batch-embed",
  fields: Fields,
  path: GeminiPath,
  requests: readonly Fields[],
): SimulatedRequest {
  const contents = requests.map((request) => {
    if (fieldsOf(request.content).parts === undefined) throw new Refusal(400, "content: Field required", { param: "content" });
    return request.content;
  });
  const plain = plainRequest({
    dialect,
    model: modelOf(path),
    body: fields,
    prompt: () => sizeOf(contents),
    conversation: JSON.stringify(contents),
  });
  const dimensions = setting(requests[0] ?? {}, "outputDimensionality");
  return { ...plain, work: "embed", vectors: { items: contents.length, dimensions, base64: false } };
}

/** Reads a request for one vector. */
export function readEmbed(fields: Fields, path: GeminiPath): SimulatedRequest {
  return embedding("gemini-embed", fields, path, [fields]);
}

/** Reads a request for several vectors. */
export function readBatchEmbed(fields: Fields, path: GeminiPath): SimulatedRequest {
  return embedding("gemini-batch-embed", fields, path, filled(fields, "requests").map(fieldsOf));
}
