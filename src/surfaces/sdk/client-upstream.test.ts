import { expect, test } from "vitest";
import { openCallSignal } from "../../call/call-signal.js";
import type { UpstreamFailure } from "../../call/needs.js";
import { clientUpstream } from "./client-upstream.js";

/** A connection whose fetch does not hear its signal: a real one does not either once its Request was collected. */
function deafConnection() {
  const seen = { cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Buffer.from("data: 1\n\n")),
    cancel() {
      seen.cancelled = true;
    },
  });
  const upstream = clientUpstream({
    provider: "openai",
    url: "http://localhost/v1/chat/completions",
    target: {},
    headers: new Headers(),
    fetch: async () => new Response(body, { headers: { "content-type": "text/event-stream" } }),
    unbilled: () => false,
    firstByteMs: 1_000,
  });
  return { upstream, seen };
}

const REQUEST = {
  dialect: "openai-chat",
  target: {},
  model: "gpt-4o",
  query: "",
  body: Buffer.from("{}"),
  headers: {},
  credentials: {},
  stream: true,
  framing: "sse",
} as const;

test("a call that is aborted while its provider is silent leaves the body at once, even if fetch does not hear of it", async () => {
  const { upstream, seen } = deafConnection();
  const signal = openCallSignal();
  const reply = await upstream.send(REQUEST, signal);
  const iterator = reply.body[Symbol.asyncIterator]();
  expect(Buffer.from((await iterator.next()).value as Uint8Array).toString()).toBe("data: 1\n\n");
  const silent = iterator.next();
  signal.abort();
  await expect(silent).rejects.toMatchObject({ name: "UpstreamFailure", kind: "aborted" } satisfies Partial<UpstreamFailure>);
  expect(seen.cancelled).toBe(true);
});

test("a body that its reader leaves is cancelled", async () => {
  const { upstream, seen } = deafConnection();
  const reply = await upstream.send(REQUEST, openCallSignal());
  for await (const _ of reply.body) break;
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen.cancelled).toBe(true);
});
