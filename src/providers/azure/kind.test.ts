import { createServer, type IncomingMessage } from "node:http";
import { extractUsage, findProvider } from "@pydantic/genai-prices";
import { expect, test } from "vitest";
import { expectTheSameWhereverCut } from "../../../test/cut-anywhere.js";
import { eventsOf, figures, fixture, replay, understood } from "../../../test/replay-stream.js";
import { inputTokens, outputTokens } from "../../accounting/meter/usage.js";
import type { DialectName } from "../../call/needs.js";
import { Secret } from "../../config/secret.js";
import { systemClock } from "../../surfaces/system-clock.js";
import { openAiChat } from "../openai/wire.js";
import { openProvider } from "../registry.js";
import { AZURE } from "./kind.js";

const pathOf = (dialect: DialectName, model: string, api_version?: string): string =>
  AZURE.paths[dialect]!({ model, stream: false }, api_version === undefined ? {} : { api_version });

test("with an api_version the deployment is in the path, without one it is the v1 API", () => {
  expect(pathOf("openai-chat", "my gpt/4o", "2024-10-21")).toBe("/openai/deployments/my%20gpt%2F4o/chat/completions");
  expect(pathOf("openai-completions", "d", "2024-10-21")).toBe("/openai/deployments/d/completions");
  expect(pathOf("openai-embeddings", "d", "2024-10-21")).toBe("/openai/deployments/d/embeddings");
  expect(pathOf("openai-responses", "d", "2025-04-01-preview")).toBe("/openai/responses");
  expect(pathOf("openai-chat", "d")).toBe("/openai/v1/chat/completions");
  expect(pathOf("openai-embeddings", "d")).toBe("/openai/v1/embeddings");
  expect(pathOf("openai-responses", "d")).toBe("/openai/v1/responses");
});

test.each(["", "/", "/openai", "/openai/", "/openai/v1", "/openai/v1/"])(
  "the address may be written with %j behind it",
  (tail) => {
    expect(AZURE.base_of?.(`https://name.openai.azure.com${tail}`)).toBe("https://name.openai.azure.com");
  },
);

test("a 400 may have been billed; what is answered before any work was not", () => {
  for (const status of [400, 408, 500]) expect(AZURE.unbilled(status), String(status)).toBe(false);
  for (const status of [401, 403, 404, 429]) expect(AZURE.unbilled(status), String(status)).toBe(true);
});

/** What arrives at a server that stands in for the resource. */
async function arriving(api_version: string | undefined, query: string): Promise<IncomingMessage> {
  let seen: IncomingMessage | null = null;
  const server = createServer((incoming, outgoing) => {
    seen = incoming;
    incoming.resume();
    outgoing.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const settings = {
    name: "azure",
    kind: "azure",
    free: false,
    api_key: new Secret("az-key"),
    base_url: `http://127.0.0.1:${address.port}/openai`,
    ...(api_version === undefined ? {} : { api_version }),
  } as const;
  const azure = openProvider(settings, { clock: systemClock() });
  const body = Buffer.from("{}");
  const reply = await azure.upstreams
    .get("openai-chat")!
    .send(
      { dialect: "openai-chat", model: "dep", query, body, headers: {}, credentials: {}, stream: false, framing: "sse" },
      new AbortController().signal,
    );
  for await (const _ of reply.body);
  await azure.close();
  await new Promise((resolve) => server.close(resolve));
  if (seen === null) throw new Error("nothing arrived");
  return seen;
}

test("a request goes out with the key as api-key and the settings' own api-version, never the client's", async () => {
  const deployed = await arriving("2024-10-21", "api-version=1999-01-01&x=1");
  expect(deployed.url).toBe("/openai/deployments/dep/chat/completions?api-version=2024-10-21");
  expect(deployed.headers["api-key"]).toBe("az-key");
  expect(deployed.headers).not.toHaveProperty("authorization");
  expect((await arriving(undefined, "api-version=1999-01-01")).url).toBe("/openai/v1/chat/completions");
});

const body = (more: object = {}, target: object = {}) =>
  openAiChat.read(Buffer.from(JSON.stringify({ messages: [{ role: "user", content: "Hi" }], ...more })), target);
const asking = { stream: true, stream_options: { include_usage: true } };

test("a deployment in the client's path is the model; the body needs none, and a different one is refused", () => {
  expect(body({}, { model: "dep" }).model).toBe("dep");
  expect(body({ model: "dep" }, { model: "dep" }).model).toBe("dep");
  expect(body({ model: null }, { model: "dep" }).model).toBe("dep");
  expect(() => body({ model: "gpt-4o" }, { model: "dep" })).toThrow('The path names the model "dep" and the body "gpt-4o".');
  expect(() => body({ model: 7 }, { model: "dep" })).toThrow("model is 7");
  expect(() => body({}, { model: " " })).toThrow('model is " "');
  expect(() => body({})).toThrow("model is");
});

test("the model of the path is put into a body that has none: the v1 API and every other provider need it there", () => {
  const sent = (more: object, splice: object) =>
    JSON.parse(Buffer.from(openAiChat.prepare(body(more, { model: "dep" }), splice)).toString()).model;
  expect(sent({}, {})).toBe("dep");
  expect(sent({ model: null }, {})).toBe("dep");
  expect(sent({}, { model: "gpt-4o" })).toBe("gpt-4o");
});

test("the filter's chunk before the answer is no usage chunk and passes untouched; the usage is the price oracle's", () => {
  const stream = fixture("azure/chat.sse");
  const raw = eventsOf(stream);
  const { forwarded, closing, seen } = replay(openAiChat, body({ model: "dep", ...asking }), [stream]);
  expect(forwarded).toEqual(Buffer.concat(raw.slice(0, -2)));
  const usage = JSON.parse(understood(stream).at(-2)!.data!);
  const oracle = extractUsage(findProvider({ providerId: "azure" })!, usage, "chat").usage;
  expect(seen).toMatchObject({
    usage_final: true,
    terminal: true,
    flags: [],
    model: "gpt-4o-2024-11-20",
    response_id: "chatcmpl-Bf1",
  });
  expect([inputTokens(seen.usage!.counts), outputTokens(seen.usage!.counts)]).toEqual([
    oracle.input_tokens,
    oracle.output_tokens,
  ]);
  expect(JSON.parse(understood(closing)[0]!.data!)).toMatchObject({ choices: [], bursar: { call_id: "c1" } });
  const first = openAiChat.reader(body({ model: "dep", ...asking }));
  first.event(raw[0]!);
  expect(first.seen).toMatchObject({ usage: null, usage_final: false, terminal: false, response_id: null });
});

test("a client that did not ask for usage keeps its filter results and sees no usage", () => {
  const { forwarded, closing } = replay(openAiChat, body({ model: "dep", stream: true }), [fixture("azure/chat.sse")]);
  const seen = understood(Buffer.concat([forwarded, closing]));
  expect(seen[0]!.data).toContain("prompt_filter_results");
  expect(seen.some((event) => event.data!.includes('"usage"'))).toBe(false);
  expect(seen).toHaveLength(7);
});

test("the same events come out and the same is posted, however it is written and wherever it is cut", () => {
  const requests = [body({ model: "dep", stream: true }), body({ model: "dep", ...asking })];
  expectTheSameWhereverCut({ dialect: openAiChat, requests, stream: fixture("azure/chat.sse") });
}, 120_000);

test("C8: it can be cut after any event, also when only the filter's chunk has come, and ends well-formed", () => {
  const raw = eventsOf(fixture("azure/chat.sse"));
  for (let count = 0; count <= raw.length; count++) {
    const reader = openAiChat.reader(body({ model: "dep", ...asking }));
    const before = raw.slice(0, count).flatMap((event) => reader.event(event) ?? []);
    const chunks = understood(Buffer.concat([...before, reader.cut({ ...figures, cut: "no room" })])).slice(0, -1);
    const ended = chunks.map((event) => JSON.parse(event.data!)).filter((chunk) => chunk.choices[0]?.finish_reason);
    expect(ended, `cut after ${count}`).toHaveLength(1);
    expect(ended[0].created ?? 1).toBeGreaterThan(0);
  }
});
