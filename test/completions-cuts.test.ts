// C8: what a cut stream of legacy completions looks like to the official client.
import OpenAI from "openai";
import { expect, test } from "vitest";
import { openAiCompletions } from "../src/providers/openai/completions/wire.js";
import { eventsOf, figures, fixture } from "./replay-stream.js";

const ask = {
  model: "gpt-3.5-turbo-instruct",
  prompt: "How many?",
  stream: true as const,
  stream_options: { include_usage: true },
};
const parsed = openAiCompletions.read(Buffer.from(JSON.stringify(ask)));

test("C8: the official client reads a stream that is cut anywhere to its end", async () => {
  const raw = eventsOf(fixture("openai/completions-text.sse"));
  for (let count = 0; count < raw.length - 3; count++) {
    const reader = openAiCompletions.reader(parsed);
    const before = raw.slice(0, count).flatMap((event) => reader.event(event) ?? []);
    const bytes = new Uint8Array(Buffer.concat([...before, reader.cut({ ...figures, cut: "no room" })]));
    const answer: typeof fetch = async () => new Response(bytes, { headers: { "content-type": "text/event-stream" } });
    const client = new OpenAI({ apiKey: "k", baseURL: "http://127.0.0.1:9", maxRetries: 0, fetch: answer });
    const reasons: string[] = [];
    let total = 0;
    for await (const chunk of await client.completions.create(ask)) {
      for (const choice of chunk.choices) if (choice.finish_reason) reasons.push(choice.finish_reason);
      total = chunk.usage?.total_tokens ?? total;
    }
    expect(reasons, `cut after ${count}`).toEqual(["length"]);
    expect(total).toBeGreaterThan(0);
  }
});
