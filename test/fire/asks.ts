import { readFileSync } from "node:fs";

/** A call of one wire format, what a provider of it says, and what that costs. */
export interface Ask {
  readonly name: "chat" | "messages" | "responses" | "gemini";
  readonly path: (stream: boolean) => string;
  readonly body: (of: { stream: boolean; cap: number }) => object;
  readonly headers: Readonly<Record<string, string>>;
  /** A recorded stream, event by event, each with its blank line. */
  readonly frames: readonly string[];
  /** What the provider bills for the recording: its tokens × its published price, in nano-dollars. */
  readonly nano: bigint;
}

/** Longer than what the recordings say they read, so that the input is inside every hold. */
const PROMPT = `Tell me of ferries, ${"lighthouses and the price of salt, ".repeat(8)}at length.`;
const messages = [{ role: "user", content: PROMPT }];

function framesOf(path: string): readonly string[] {
  const text = readFileSync(new URL(`../../src/providers/${path}`, import.meta.url), "utf8");
  return text.split(/(?<=\n\n)/).filter((frame) => frame.trim() !== "");
}

/** The four formats that stream. */
export const ASKS: readonly Ask[] = [
  {
    name: "chat",
    path: () => "/v1/chat/completions",
    body: ({ stream, cap }) => ({ model: "gpt-4o", max_tokens: cap, messages, stream }),
    headers: { authorization: "Bearer platform-key" },
    frames: framesOf("openai/__fixtures__/text.sse"),
    nano: 19n * 2_500n + 10n * 10_000n,
  },
  {
    name: "messages",
    path: () => "/v1/messages",
    body: ({ stream, cap }) => ({ model: "claude-sonnet-4-5", max_tokens: cap, messages, stream }),
    headers: { "x-api-key": "platform-key", "anthropic-version": "2023-06-01" },
    frames: framesOf("anthropic/__fixtures__/text.sse"),
    nano: 25n * 3_000n + 15n * 15_000n,
  },
  {
    name: "responses",
    path: () => "/v1/responses",
    body: ({ stream, cap }) => ({ model: "gpt-4o", max_output_tokens: cap, input: PROMPT, stream }),
    headers: { authorization: "Bearer platform-key" },
    frames: framesOf("openai/responses/__fixtures__/text.sse"),
    nano: 36n * 2_500n + 11n * 10_000n,
  },
  {
    name: "gemini",
    path: (stream) => `/v1beta/models/gemini-2.5-flash:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: ({ cap }) => ({ contents: [{ role: "user", parts: [{ text: PROMPT }] }], generationConfig: { maxOutputTokens: cap } }),
    headers: { "x-goog-api-key": "platform-key" },
    frames: framesOf("gemini/__fixtures__/text.sse"),
    nano: 8n * 300n + 13n * 2_500n,
  },
];

/** The format that a provider is asked in, by the path that reaches it. */
export function askedAt(path: string): Ask {
  const found = ASKS.find((ask) => path.startsWith(ask.path(true)) || path.startsWith(ask.path(false)));
  if (found === undefined) throw new Error(`Nobody here asks for ${path}`);
  return found;
}
