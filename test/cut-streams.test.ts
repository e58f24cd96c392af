// C8: what a cut stream looks like to the official clients. Neither may hang or crash, wherever the cut falls.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { expect, test } from "vitest";
import type { Dialect } from "../src/call/needs.js";
import { anthropicMessagesDialect } from "../src/providers/anthropic/wire.js";
import { openAiChat } from "../src/providers/openai/wire.js";
import { eventsOf, figures, fixture } from "./replay-stream.js";

const messages = [{ role: "user" as const, content: "How many?" }];

/** A `fetch` that answers one prepared stream. */
function answering(stream: Buffer): typeof fetch {
  return async () => new Response(new Uint8Array(stream), { headers: { "content-type": "text/event-stream" } });
}

/** The first `count` events of a stream through a dialect, then its cut. */
function cutAfter(dialect: Dialect, body: object, options: { name: string; count: number }): Buffer {
  const reader = dialect.reader(dialect.read(Buffer.from(JSON.stringify(body))));
  const before = eventsOf(fixture(options.name))
    .slice(0, options.count)
    .flatMap((raw) => reader.event(raw) ?? []);
  return Buffer.concat([...before, reader.cut({ ...figures, cut: "no room" })]);
}

test.each(["text", "tools"])("the openai client reads a %s stream that is cut anywhere to finish_reason length", async (name) => {
  const body = { model: "gpt-4o", messages, stream: true as const, stream_options: { include_usage: true } };
  const total = eventsOf(fixture(`openai/${name}.sse`)).length;
  for (let count = 0; count < total - 3; count++) {
    const stream = cutAfter(openAiChat, body, { name: `openai/${name}.sse`, count });
    const client = new OpenAI({ apiKey: "k", baseURL: "http://127.0.0.1:9", maxRetries: 0, fetch: answering(stream) });
    const completion = await client.chat.completions.stream(body).finalChatCompletion();
    expect(completion.choices[0]?.finish_reason, `cut after ${count}`).toBe("length");
    expect(completion.usage?.completion_tokens).toBeGreaterThanOrEqual(0);
  }
});

test.each(["text", "tools", "thinking"])(
  "the anthropic client reads a %s stream that is cut anywhere to stop_reason max_tokens",
  async (name) => {
    const body = { model: "claude-sonnet-5", max_tokens: 100, messages, stream: true as const };
    const total = eventsOf(fixture(`anthropic/${name}.sse`)).length;
    for (let count = 0; count < total - 1; count++) {
      const stream = cutAfter(anthropicMessagesDialect, body, { name: `anthropic/${name}.sse`, count });
      const client = new Anthropic({ apiKey: "k", baseURL: "http://127.0.0.1:9", maxRetries: 0, fetch: answering(stream) });
      const message = await client.messages.stream(body).finalMessage();
      expect(message.stop_reason, `cut after ${count}`).toBe("max_tokens");
      expect(message.usage.output_tokens).toBeGreaterThanOrEqual(0);
    }
  },
);
