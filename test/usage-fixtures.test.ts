// Usage of every fixture there is: each class is what the price data's extractors read, and the classes sum to the
// provider's own total, so that nothing is counted twice. What an extractor cannot read is named, with the reason.
import { readdirSync } from "node:fs";
import { extractUsage, findProvider } from "@pydantic/genai-prices";
import { expect, test } from "vitest";
import { inputTokens, outputTokens, type Usage } from "../src/accounting/meter/usage.js";
import type { RequestTarget } from "../src/call/message.js";
import type { Dialect, Quirks } from "../src/call/needs.js";
import { anthropicMessagesDialect } from "../src/providers/anthropic/wire.js";
import { geminiBatchEmbed, geminiEmbed } from "../src/providers/gemini/embed.js";
import { geminiCountTokens, geminiGenerate } from "../src/providers/gemini/wire.js";
import { openAiCompletions } from "../src/providers/openai/completions/wire.js";
import { openAiEmbeddings } from "../src/providers/openai/embeddings/wire.js";
import { openAiResponses } from "../src/providers/openai/responses/wire.js";
import { openAiChat } from "../src/providers/openai/wire.js";
import { COMPATIBLE_KINDS } from "../src/providers/openai-compatible/kinds.js";
import { fixture, replay, understood } from "./replay-stream.js";

type Json = Readonly<Record<string, unknown>>;

/** How a fixture of one name is read, by Bursar and by the oracle. */
interface Reading {
  readonly dialect: Dialect;
  readonly quirks?: Quirks;
  readonly provider: string;
  readonly flavor: string;
}

interface Folder {
  readonly of: (name: string) => Reading;
  readonly asked: Json;
  readonly target?: RequestTarget;
  /** The object that a stream's or an array's values tell the usage in, as a whole reply would. */
  readonly told: (values: readonly Json[]) => Json | undefined;
  /** The provider's own total of an object of usage. */
  readonly total: (reply: Json) => unknown;
  /** Fixtures whose usage no extractor reads, and why. */
  readonly uncovered: Readonly<Record<string, string>>;
}

const usageOf = (reply: Json): Json => (reply.usage ?? {}) as Json;
const lastWith = (values: readonly Json[], has: (value: Json) => unknown): Json | undefined => values.filter(has).at(-1);
const chat = { model: "m", messages: [{ role: "user", content: "x" }], stream: true };

const OPENAI: Folder = {
  of: (name) => {
    if (name.startsWith("embeddings")) return { dialect: openAiEmbeddings, provider: "openai", flavor: "embeddings" };
    return { dialect: name.startsWith("completions") ? openAiCompletions : openAiChat, provider: "openai", flavor: "chat" };
  },
  asked: { ...chat, prompt: "x" },
  told: (values) => lastWith(values, (value) => value.usage),
  total: (reply) => usageOf(reply).total_tokens,
  uncovered: { "error.sse": "it breaks off before any usage" },
};

/** Anthropic's usage of a stream: the last value of each field that is not null. */
function anthropicTold(values: readonly Json[]): Json {
  const started = values.find(({ type }) => type === "message_start")?.message as Json;
  const later = values.filter(({ type }) => type === "message_delta").map(usageOf);
  const known = [usageOf(started), ...later].flatMap((usage) => Object.entries(usage)).filter(([, value]) => value !== null);
  return { ...started, usage: Object.fromEntries(known) };
}

function anthropicTokens(usage: Json): number {
  const fields = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"];
  return fields.reduce((sum, field) => sum + Number(usage[field] ?? 0), 0);
}

const GEMINI_READERS: Readonly<Record<string, Dialect>> = {
  "count.json": geminiCountTokens,
  "embedding.json": geminiEmbed,
  "embeddings.json": geminiBatchEmbed,
};
const ORACLES: Readonly<Record<string, string>> = { xai: "x-ai", vllm: "openai", ollama: "openai" };
const DEFAULT_FLAVOR = ["groq", "mistral"];

const FOLDERS: Readonly<Record<string, Folder>> = {
  openai: OPENAI,
  "openai/responses": {
    ...OPENAI,
    of: () => ({ dialect: openAiResponses, provider: "openai", flavor: "responses" }),
    asked: { model: "m", input: "x", stream: true },
    told: (values) => lastWith(values, ({ response }) => (response as Json | undefined)?.usage)?.response as Json | undefined,
  },
  azure: { ...OPENAI, of: () => ({ dialect: openAiChat, provider: "azure", flavor: "chat" }), uncovered: {} },
  "openai-compatible": {
    ...OPENAI,
    of: (name) => {
      const kind = name.replace(/\..*$/, "");
      const quirks = COMPATIBLE_KINDS.find((one) => one.kind === kind)?.quirks ?? {};
      const flavor = DEFAULT_FLAVOR.includes(kind) ? "default" : "chat";
      return { dialect: openAiChat, quirks, provider: ORACLES[kind] ?? kind, flavor };
    },
    told: (values) => {
      const last = lastWith(values, (value) => value.usage ?? (value.x_groq as Json | undefined)?.usage);
      return last && { ...last, usage: last.usage ?? (last.x_groq as Json).usage };
    },
    uncovered: { "ollama.sse": "it was not asked for usage and tells none" },
  },
  anthropic: {
    of: () => ({ dialect: anthropicMessagesDialect, provider: "anthropic", flavor: "default" }),
    asked: { ...chat, max_tokens: 9 },
    told: anthropicTold,
    total: (reply) => {
      const { iterations } = usageOf(reply);
      const beside = Array.isArray(iterations) ? iterations.filter(({ type }) => type === "compaction") : [];
      return [usageOf(reply), ...beside].reduce((sum: number, usage: Json) => sum + anthropicTokens(usage), 0);
    },
    uncovered: {
      "compaction.json": "the extractor knows no runs, and the total leaves out the one that compacted",
      "error.sse": "it breaks off before its output is told",
    },
  },
  gemini: {
    of: (name) => ({ dialect: GEMINI_READERS[name] ?? geminiGenerate, provider: "google", flavor: "default" }),
    asked: { contents: [{ role: "user", parts: [{ text: "x" }] }] },
    target: { model: "gemini-2.5-flash", stream: true, framing: "sse" },
    told: (values) => lastWith(values, (value) => value.usageMetadata),
    total: (reply) => (reply.usageMetadata as Json | undefined)?.totalTokenCount,
    uncovered: {
      "count.json": "a count of tokens is no usage",
      "embeddings.json": "a batch of embeddings tells no usage",
    },
  },
};

const ROOT = new URL("../src/providers/", import.meta.url);
const isFixture = (path: string): boolean => /(^|\/)__fixtures__\/[^/]+\.(json|sse)$/.test(path);
const PATHS = readdirSync(ROOT, { recursive: true }).map(String).filter(isFixture).sort();
const namesIn = (folder: string): string[] =>
  PATHS.filter((path) => path.startsWith(`${folder}/__fixtures__/`)).map((path) => path.slice(path.lastIndexOf("/") + 1));

/** What Bursar and what the oracle is given of one fixture. */
function read(folder: string, name: string): { usage: Usage | null; reply: Json; reading: Reading } {
  const { of, asked, target, told } = FOLDERS[folder] as Folder;
  const reading = of(name);
  const { dialect, quirks } = reading;
  const bytes = fixture(`${folder}/${name}`);
  const inArray = name.endsWith("-array.json");
  if (!inArray && name.endsWith(".json")) {
    return { usage: dialect.readReply(bytes, quirks).usage, reply: JSON.parse(bytes.toString()), reading };
  }
  const request = dialect.read(Buffer.from(JSON.stringify(asked)), inArray ? { ...target, framing: "json" } : target);
  const played: Dialect = { ...dialect, reader: (one) => dialect.reader(one, quirks) };
  const values: Json[] = inArray
    ? JSON.parse(bytes.toString())
    : understood(bytes).flatMap(({ data }) => (data === null || data === "[DONE]" ? [] : [JSON.parse(data)]));
  return { usage: replay(played, request, [bytes]).seen.usage, reply: told(values) ?? {}, reading };
}

/** Every class that the oracle tells, as Bursar counts it: input by medium is what was not read from the cache. */
function expectTheOracles({ usage, reply, reading }: ReturnType<typeof read>): void {
  const oracle = extractUsage(findProvider({ providerId: reading.provider })!, reply, reading.flavor).usage;
  const counts = usage?.counts ?? {};
  const fresh = (all: number | undefined, cached: number | undefined) => (all === undefined ? undefined : all - (cached ?? 0));
  const pairs: readonly (readonly [string, number | undefined, number | undefined])[] = [
    ["input", oracle.input_tokens, inputTokens(counts)],
    ["output", oracle.output_tokens, outputTokens(counts)],
    ["cache read", oracle.cache_read_tokens, counts.cache_read],
    ["cache write", oracle.cache_write_tokens, (counts.cache_write_5m ?? 0) + (counts.cache_write_1h ?? 0)],
    ["cache write for an hour", oracle.cache_write_1h_tokens, counts.cache_write_1h],
    ["reasoning", oracle.output_reasoning_tokens, counts.reasoning],
    ["sound in", fresh(oracle.input_audio_tokens, oracle.cache_audio_read_tokens), counts.input_audio],
    ["images in", fresh(oracle.input_image_tokens, oracle.cache_image_read_tokens), counts.input_image],
    ["sound out", oracle.output_audio_tokens, counts.output_audio],
    ["searches", oracle.web_searches, counts.web_searches],
  ];
  const told = pairs.filter(([, theirs]) => theirs !== undefined);
  expect(usage?.evidence).toBe("provider");
  expect(told.length).toBeGreaterThan(0);
  const asText = (one: number | undefined, name: string): string => `${name}: ${one ?? 0}`;
  expect(told.map(([name, , ours]) => asText(ours, name))).toEqual(told.map(([name, theirs]) => asText(theirs, name)));
}

test("every folder of fixtures is walked", () => {
  const walked = Object.keys(FOLDERS).flatMap((folder) => namesIn(folder).map((name) => `${folder}/__fixtures__/${name}`));
  expect(walked.sort()).toEqual(PATHS);
  expect(PATHS.length).toBeGreaterThan(60);
});

test.each(Object.keys(FOLDERS))(
  "%s: usage of every fixture is what the price data's extractor reads, or named as beyond it",
  (folder) => {
    const { uncovered } = FOLDERS[folder] as Folder;
    const names = namesIn(folder);
    expect(names).toEqual(expect.arrayContaining(Object.keys(uncovered)));
    const failing: string[] = [];
    for (const name of names) {
      const listed = Object.hasOwn(uncovered, name);
      let agrees = true;
      try {
        expectTheOracles(read(folder, name));
      } catch (error) {
        agrees = false;
        if (!listed) failing.push(`${name}: ${error}`);
      }
      if (agrees && listed) failing.push(`${name} is covered: ${uncovered[name]}?`);
    }
    expect(failing).toEqual([]);
  },
);

test.each(Object.keys(FOLDERS))("%s: the classes of every fixture sum to the provider's own total", (folder) => {
  let told = 0;
  for (const name of namesIn(folder)) {
    const { usage, reply } = read(folder, name);
    const total = (FOLDERS[folder] as Folder).total(reply);
    if (usage?.evidence !== "provider" || total === undefined) continue;
    told += 1;
    expect(inputTokens(usage.counts) + outputTokens(usage.counts), name).toBe(total);
  }
  expect(told).toBeGreaterThan(0);
});
