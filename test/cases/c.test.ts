// Cases C of the adversarial list on the whole road: however a stream ends, it is settled once, at no less than was
// produced. C5 and C8 stand beside the readers of each wire format, C9 in test/fire.

import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import type { Entry } from "../../src/accounting/ledger/entry.js";
import { UpstreamFailure } from "../../src/call/needs.js";
import type { CallReply } from "../../src/call/reply.js";
import { openHttpUpstream } from "../../src/providers/http.js";
import { budget } from "../ledger-fixtures.js";
import {
  chunk,
  delta,
  drained,
  events,
  openTestRoad,
  type Script,
  type TestRoad,
  textOf,
  usageChunk,
  whole,
} from "../road-fixtures.js";

const ASK = { model: "gpt-4o", stream: true, max_tokens: 1_000, messages: [{ role: "user", content: "hi" }] };
const STOP = chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
const DONE = "data: [DONE]\n\n";
/** 9 input tokens at $2.50 and 2 output tokens at $10 per million. */
const TRUE_NANO = "42500";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const openAt = (script: Script): Promise<TestRoad> =>
  openTestRoad({ budgets: [budget({ name: "b", limit: 10n ** 9n })], script, limits: { retries_max: 0, drain_ms: 200 } });

const framed = (frames: () => AsyncIterable<string> | Iterable<string>): Promise<TestRoad> => openAt(() => events(frames()));

function streamOf(reply: CallReply): AsyncIterable<Uint8Array> {
  if (reply.kind !== "stream") throw new Error(`expected a stream, got ${Buffer.from(reply.body).toString()}`);
  return reply.body;
}

const ENDS = new Set(["call.posted", "call.voided", "call.presumed"]);

/** The one thing that became of call0, with what was held for it; nothing may stay in flight. */
async function settledOf(at: TestRoad): Promise<{ end: Entry; held: bigint }> {
  await drained(at.road);
  expect(at.road.active.size).toBe(0);
  const entries = await at.ledger.readCall("call0");
  const ends = entries.filter((entry) => ENDS.has(entry.type));
  expect(ends).toHaveLength(1);
  let held = 0n;
  for (const entry of entries)
    if (entry.type === "call.held" || entry.type === "call.extended") held += BigInt(entry.ceiling.nano);
  return { end: ends[0] as Entry, held };
}

function nanoOf(end: Entry): bigint {
  if (end.type !== "call.posted") throw new Error(`it was not posted but ${end.type}`);
  return BigInt(end.nano);
}

const NORMAL = [delta("hello"), delta(" world"), STOP, usageChunk(9, 2), DONE];

test.each([
  ["before the head", 0],
  ["between the head and the first event", 1],
  ["in the middle", 2],
])("C2: a client that closes %s is settled once, at the usage that is drained", async (_when, step) => {
  const gone = new AbortController();
  const at = await openAt(() => {
    if (step === 0) gone.abort();
    return events(
      (async function* () {
        await new Promise((resolve) => setTimeout(resolve, 10));
        yield* NORMAL;
      })(),
    );
  });
  const body = streamOf(await at.call(ASK, { signal: gone.signal }));
  if (step === 1) gone.abort();
  if (step === 2) await body[Symbol.asyncIterator]().next();
  gone.abort();
  const { end } = await settledOf(at);
  expect(end).toMatchObject({ type: "call.posted", nano: TRUE_NANO, evidence: "provider" });
});

test("C2: a client that closes after [DONE] but before the end of the connection had a success, not an abort", async () => {
  const gone = new AbortController();
  let finish: () => void = () => undefined;
  const open = new Promise<void>((resolve) => (finish = resolve));
  const at = await framed(async function* () {
    yield* NORMAL;
    await open;
  });
  const body = streamOf(await at.call(ASK, { signal: gone.signal }))[Symbol.asyncIterator]();
  let text = "";
  while (!text.includes("[DONE]")) {
    const next = await body.next();
    if (next.done === true) break;
    text += Buffer.from(next.value).toString();
    if (text.includes("stop")) gone.abort();
  }
  gone.abort();
  const { end } = await settledOf(at);
  finish();
  expect(end).toMatchObject({ type: "call.posted", nano: TRUE_NANO, evidence: "provider", outcome: "end" });
});

test("C4: a stream that ends without usage is posted as estimated, above nothing and within what was held", async () => {
  const at = await framed(() => [delta("hello"), delta(" world"), STOP, DONE]);
  await textOf(streamOf(await at.call(ASK)));
  const { end, held } = await settledOf(at);
  expect(end).toMatchObject({ type: "call.posted", flags: ["no_usage"] });
  expect(end).not.toMatchObject({ evidence: "provider" });
  expect(nanoOf(end)).toBeGreaterThan(0n);
  expect(nanoOf(end)).toBeLessThanOrEqual(held);
});

const LONG = Array.from({ length: 300 }, (_, index) => delta(` word${index}`));

test.each<[string, readonly string[], { nano?: string; flagged: boolean }]>([
  ["told twice", [...NORMAL.slice(0, 3), usageChunk(9, 2), usageChunk(9, 2), DONE], { nano: TRUE_NANO, flagged: false }],
  [
    "told in a chunk before the last",
    [delta("hello"), usageChunk(9, 1), delta(" world"), STOP, usageChunk(9, 2), DONE],
    { nano: TRUE_NANO, flagged: false },
  ],
  ["decreasing", [delta("hello"), usageChunk(9, 200), STOP, usageChunk(9, 2), DONE], { flagged: true }],
  ["explicit zeros after 300 metered tokens", [...LONG, STOP, usageChunk(0, 0), DONE], { flagged: true }],
  ["null", [...LONG, chunk({ usage: null }), STOP, DONE], { flagged: true }],
  ["told after [DONE]", [...NORMAL.slice(0, 3), DONE, usageChunk(9, 2)], { flagged: false }],
])("C6: usage %s", async (_what, frames, expected) => {
  const at = await framed(() => frames);
  await textOf(streamOf(await at.call(ASK)));
  const { end, held } = await settledOf(at);
  expect(nanoOf(end)).toBeGreaterThan(0n);
  expect(nanoOf(end)).toBeLessThanOrEqual(held);
  if (expected.nano !== undefined) expect(end).toMatchObject({ nano: expected.nano, evidence: "provider" });
  // 300 words were seen: whatever usage says, no less than 300 tokens' worth is posted.
  if (frames.length > 300) expect(nanoOf(end)).toBeGreaterThanOrEqual(300n * 10_000n);
  if (expected.flagged) expect(end.type === "call.posted" && (end.flags ?? []).length > 0).toBe(true);
});

test("C12: an error in the middle posts the usage so far, is passed on, and is not tried again", async () => {
  const error = `data: ${JSON.stringify({ error: { message: "overloaded", type: "overloaded_error" } })}\n\n`;
  const at = await framed(() => [...LONG, error]);
  const text = await textOf(streamOf(await at.call(ASK)));
  expect(text).toContain("overloaded");
  expect(at.requests).toHaveLength(1);
  const { end, held } = await settledOf(at);
  expect(end).toMatchObject({ outcome: "failed" });
  expect(nanoOf(end)).toBeGreaterThanOrEqual(300n * 10_000n);
  expect(nanoOf(end)).toBeLessThanOrEqual(held);
});

test.each([
  ["a JSON error", { error: { message: "no", type: "server_error" } }],
  ["nothing", ""],
  ["HTML", "<html><body>Bad gateway</body></html>"],
])("C13: %s with status 200 is no success: 502, posted at what was held", async (_what, body) => {
  for (const stream of [false, true]) {
    const at = await openAt(() => whole(200, body));
    const reply = await at.call({ ...ASK, stream });
    const { end, held } = await settledOf(at);
    expect(reply).toMatchObject({ kind: "refused", error: { status: 502 } });
    expect(nanoOf(end)).toBe(held);
    expect(end).not.toMatchObject({ evidence: "provider" });
  }
});

/** The road over real HTTP to a provider that answers with `answer`. */
async function overHttp(answer: (response: ServerResponse) => void): Promise<{ at: TestRoad; closed: Promise<unknown> }> {
  let gone: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (gone = resolve));
  const server = createServer((request, response) => {
    response.on("close", gone);
    request.resume().on("end", () => answer(response));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const upstream = openHttpUpstream({
    name: "openai",
    base_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorize: () => undefined,
    pathOf: () => "/chat/completions",
    headers_allowed: () => true,
    unbilled: () => false,
  });
  closing.push(
    () => upstream.close(),
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const at = await openAt(() => {
    throw new UpstreamFailure("connect", "The script is not asked.");
  });
  const { candidates } = at.needs.catalog;
  at.needs.catalog = { candidates: (query) => candidates(query).map((one) => ({ ...one, upstream })) };
  return { at, closed };
}

const EVENT_HEAD = { "content-type": "text/event-stream" };

/** Writes `piece` until the reader is gone or `bytes` were written. Answers how many were. */
async function pour(response: ServerResponse, piece: string, bytes: number): Promise<number> {
  let wake: () => void = () => undefined;
  response.on("drain", () => wake()).on("close", () => wake());
  let written = 0;
  for (; written < bytes && !response.destroyed; written += piece.length) {
    if (!response.write(piece)) await new Promise<void>((resolve) => (wake = resolve));
  }
  return written;
}

test.each([
  ["a gigabyte without a line end", "x".repeat(65_536), ""],
  ["one event of a gigabyte", `data: ${"x".repeat(65_530)}`, "data: "],
])("C10: %s ends at a bound: aborted, settled in full, and memory stays flat", async (_what, piece, first) => {
  const GIGABYTE = 2 ** 30;
  let written: Promise<number> = Promise.resolve(0);
  const { at, closed } = await overHttp((response) => {
    response.writeHead(200, EVENT_HEAD);
    response.write(first);
    written = pour(response, piece, GIGABYTE);
  });
  const before = process.memoryUsage().rss;
  const text = await textOf(streamOf(await at.call(ASK)));
  const { end, held } = await settledOf(at);
  await closed;
  expect(await written).toBeLessThan(64 * 2 ** 20);
  expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20);
  expect(text).toContain("error");
  expect(["call.presumed", "call.posted"]).toContain(end.type);
  const account = [...at.ledger.state().accounts.values()][0];
  expect((account?.used ?? 0n) + (account?.held ?? 0n)).toBe(held);
});

test("C10: a hundred thousand tiny events are counted, passed on and billed exactly", async () => {
  const EVENTS = 100_000;
  const { at } = await overHttp((response) => {
    response.writeHead(200, EVENT_HEAD);
    (async () => {
      await pour(response, ": x\n\n".repeat(1_000), EVENTS * 5);
      response.end([...NORMAL].join(""));
    })().catch(() => response.destroy());
  });
  const text = await textOf(streamOf(await at.call(ASK)));
  expect(text).toContain("[DONE]");
  expect((await settledOf(at)).end).toMatchObject({ type: "call.posted", nano: TRUE_NANO, evidence: "provider" });
});

const plain = Buffer.from(NORMAL.join(""));
const bomb = Buffer.concat(Array.from({ length: 640 }, () => gzipSync(Buffer.alloc(2 ** 20, "\n"))));

test.each<[string, (response: ServerResponse) => void]>([
  [
    "a gzip bomb",
    (response) => void response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end(bomb),
  ],
  [
    "a gzip that is cut off",
    (response) => {
      const packed = gzipSync(plain);
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
      response.end(packed.subarray(0, packed.length - 12));
    },
  ],
  [
    "a body shorter than its content-length",
    (response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "5000" });
      response.write('{"id":"x"', () => response.destroy());
    },
  ],
])("C11: %s is bounded, settled in full and answered 502", async (_what, answer) => {
  const { at } = await overHttp(answer);
  const before = process.memoryUsage().rss;
  const reply = await at.call({ ...ASK, stream: false });
  expect(reply).toMatchObject({ kind: "refused", error: { status: 502 } });
  const { held } = await settledOf(at);
  const account = [...at.ledger.state().accounts.values()][0];
  expect((account?.used ?? 0n) + (account?.held ?? 0n)).toBe(held);
  expect(process.memoryUsage().rss - before).toBeLessThan(384 * 2 ** 20);
});

test("C11: trailers behind a chunked stream change nothing", async () => {
  const { at } = await overHttp((response) => {
    response.writeHead(200, { ...EVENT_HEAD, trailer: "x-usage" });
    response.write(plain);
    response.addTrailers({ "x-usage": "0" });
    response.end();
  });
  await textOf(streamOf(await at.call(ASK)));
  expect((await settledOf(at)).end).toMatchObject({ type: "call.posted", nano: TRUE_NANO, evidence: "provider" });
});
