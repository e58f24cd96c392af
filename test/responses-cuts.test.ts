// C8 for Responses: what a cut stream looks like to the official clients, over a real socket. None may hang or crash,
// wherever the cut falls, also inside a call's arguments and inside reasoning.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createOpenAI } from "@ai-sdk/openai";
import { streamText } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BursarError } from "../src/accounting/errors.js";
import { openAiResponses } from "../src/providers/openai/responses/wire.js";
import { eventsOf, figures } from "./replay-stream.js";

const STREAMS = ["text", "tools", "reasoning", "refusal", "web-search", "error"];
const body = { model: "gpt-4o", input: "How many?", stream: true as const };
const request = openAiResponses.read(Buffer.from(JSON.stringify(body)));

const rawEvents = (name: string): readonly Uint8Array[] =>
  eventsOf(readFileSync(new URL(`../src/providers/openai/responses/__fixtures__/${name}.sse`, import.meta.url)));

/** The first events of a fixture through the dialect, then what ends the stream. */
function streamEndedBy(name: string, count: number, end: "cut" | "error" | "closing"): Buffer {
  const reader = openAiResponses.reader(request);
  const before = rawEvents(name)
    .slice(0, count)
    .flatMap((raw) => reader.event(raw) ?? []);
  const endings = {
    cut: () => reader.cut({ ...figures, cut: "no room" }),
    closing: () => reader.closing(figures),
    error: () => openAiResponses.errorEvent(new BursarError("upstream_timeout", "The provider stalled."), "c1"),
  };
  return Buffer.concat([...before, endings[end]()]);
}

let server: Server;
let answer: Buffer;
let requests = 0;
let openai: OpenAI;
let baseURL: string;

beforeAll(async () => {
  server = createServer((incoming, response) => {
    incoming.resume();
    requests += 1;
    response.writeHead(200, { "content-type": "text/event-stream" });
    // In two pieces, so that the client sees a stream and not one block.
    response.write(answer.subarray(0, answer.length >> 1));
    setImmediate(() => response.end(answer.subarray(answer.length >> 1)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  openai = new OpenAI({ apiKey: "k", baseURL, maxRetries: 0 });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test.each(STREAMS)("the openai helper reads a %s stream that is cut anywhere to an incomplete response", async (name) => {
  // The helper rejects once it has seen an error event: what comes then is another test's.
  const total = rawEvents(name).length - 1;
  for (let count = 0; count <= total; count++) {
    answer = streamEndedBy(name, count, "cut");
    const response = await openai.responses.stream({ model: "gpt-4o", input: "How many?" }).finalResponse();
    expect(response.status, `cut after ${count}`).toBe("incomplete");
    expect(response.incomplete_details).toEqual({ reason: "max_output_tokens" });
    expect(response.usage?.total_tokens).toBeGreaterThan(0);
    expect(response.usage?.input_tokens_details.cached_tokens).toBe(0);
    expect(typeof response.output_text).toBe("string");
  }
});

test.each(STREAMS)("raw iteration of a %s stream that is cut anywhere ends with response.incomplete", async (name) => {
  const total = rawEvents(name).length - 1;
  for (let count = 0; count <= total; count += 2) {
    answer = streamEndedBy(name, count, "cut");
    const types: string[] = [];
    for await (const event of await openai.responses.create(body)) types.push(event.type);
    expect(types[0], `cut after ${count}`).toBe("response.created");
    expect(types.at(-1)).toBe("response.incomplete");
  }
});

test("what the client has seen is what the response says: text so far, arguments so far", async () => {
  answer = streamEndedBy("text", 6, "cut");
  let seen = "";
  const stream = openai.responses.stream({ model: "gpt-4o", input: "x" });
  stream.on("response.output_text.delta", (event) => {
    seen += event.delta;
  });
  const text = await stream.finalResponse();
  expect([seen, text.output_text]).toEqual(["Nine coins", "Nine coins"]);
  answer = streamEndedBy("tools", 5, "cut");
  const call = (await openai.responses.stream({ model: "gpt-4o", input: "x" }).finalResponse()).output[0];
  expect(call).toMatchObject({ type: "function_call", arguments: '{"account', status: "incomplete" });
});

test("a stream that ends by itself reaches the helper whole, with the provider's own usage", async () => {
  answer = streamEndedBy("text", rawEvents("text").length, "closing");
  const response = await openai.responses.stream({ model: "gpt-4o", input: "x" }).finalResponse();
  expect(response).toMatchObject({ status: "completed", usage: { input_tokens: 36, output_tokens: 11 } });
  expect(response.output_text).toBe('Nine coins 🪙👩‍🚀, "all" told.');
});

test("an error in the middle: raw iteration sees the error event and a failed response, the helper rejects, each in one request", async () => {
  answer = streamEndedBy("text", 6, "error");
  requests = 0;
  const events: unknown[] = [];
  for await (const event of await openai.responses.create(body)) events.push(event);
  expect(events.at(-2)).toMatchObject({ type: "error", code: "upstream_timeout", message: "The provider stalled." });
  const failed = { status: "failed", error: { code: "upstream_timeout", message: "The provider stalled." } };
  expect(events.at(-1)).toMatchObject({ type: "response.failed", response: failed });
  const helper = openai.responses.stream({ model: "gpt-4o", input: "x" });
  await expect(helper.finalResponse()).rejects.toThrow("The provider stalled.");
  expect(requests).toBe(2);
});

test.each(STREAMS.filter((name) => name !== "error"))(
  "the AI SDK reads a %s stream that is cut anywhere to its length, without an error",
  async (name) => {
    const model = createOpenAI({ apiKey: "k", baseURL })("gpt-4o");
    const total = rawEvents(name).length - 1;
    for (let count = 0; count <= total; count++) {
      answer = streamEndedBy(name, count, "cut");
      const errors: unknown[] = [];
      const result = streamText({ model, prompt: "How many?", maxRetries: 0, onError: ({ error }) => void errors.push(error) });
      const kinds: string[] = [];
      for await (const part of result.fullStream) kinds.push(part.type);
      expect(errors, `cut after ${count}`).toEqual([]);
      expect(kinds.at(-1)).toBe("finish");
      expect(await result.finishReason, `cut after ${count}`).toBe("length");
      expect((await result.usage).totalTokens).toBeGreaterThan(0);
    }
  },
);

test("the AI SDK is told of an error in the middle", async () => {
  answer = streamEndedBy("text", 6, "error");
  const model = createOpenAI({ apiKey: "k", baseURL })("gpt-4o");
  const errors: unknown[] = [];
  const result = streamText({ model, prompt: "x", maxRetries: 0, onError: ({ error }) => void errors.push(error) });
  for await (const _ of result.fullStream);
  expect(JSON.stringify(errors)).toContain("The provider stalled.");
});
